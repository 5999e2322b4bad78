"""The use cases: each one transaction, from a checked request to stored facts.

The parameters that all use cases share are described here, once; a use case describes only its own parameters:

    store      the database
    user_uuid  the user who calls; another user's experiment is a ``NotFoundError``
    exp_uuid   the experiment
    once       the request's key, if it has one, so that a repeated request is done once (``tuning/once.py``)
    limits     the largest numbers that are allowed of what the use case adds (``domain/limits.py``)
"""

"""The use cases: each one transaction, from a checked request to stored facts.

What they take is described here, once; a use case describes only what is its own:

    store      the database
    user_uuid  the user who calls; another user's experiment is a ``NotFoundError``
    exp_uuid   the experiment
    once       which request this is, so that a repeated request is done once (``tuning/once.py``)
    limits     how much there may be of what the use case adds
"""

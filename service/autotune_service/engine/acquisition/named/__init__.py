"""The acquisition functions that an experiment chooses by name, with ``acq_func``.

``names`` loads no torch. ``serving`` does, and is imported only for a name that needs torch.
"""

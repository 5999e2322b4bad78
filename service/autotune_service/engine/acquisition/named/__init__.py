"""What serves the names that an experiment can choose: surrogates by ``model_type``, acquisitions by ``acq_func``.

``names`` and ``models`` load no torch. The others do, and are imported only where a name needs them.
"""

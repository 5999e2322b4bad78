from hypothesis import settings

# The same examples on every machine; a failure elsewhere would be a failure here.
settings.register_profile("engine", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("engine")

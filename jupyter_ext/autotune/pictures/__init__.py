"""The pictures of an experiment in a notebook and as files."""

"""The commands of ``%autotune``, a file for each part of the help."""

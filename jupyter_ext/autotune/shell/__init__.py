"""The commands of the loop for a shell: ``autotune ask``, ``tell`` and the others that use a running service."""

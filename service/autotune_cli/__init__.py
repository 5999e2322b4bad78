"""The program ``autotune``: the commands of the service and those of the client under one name."""

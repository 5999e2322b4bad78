"""The calls of the API, each built, sent and read back."""

"""The use cases: each one transaction, from a checked request to stored facts."""

"""The way to the service: HTTP, the event stream, credentials and repeats."""

"""The connection to the service: HTTP, the event stream, credentials and repeated requests."""

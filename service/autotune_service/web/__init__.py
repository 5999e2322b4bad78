"""HTTP and websocket: thin handlers that check, call a use case and shape its answer."""

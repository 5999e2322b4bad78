"""HTTP and websocket: thin handlers that check a request, call a use case and shape the reply."""

"""The calls of the API: build each request, send it and read the reply."""

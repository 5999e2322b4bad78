"""What is replaced in hypercorn, the server."""

"""The pictures: small SVGs that the client draws itself, with the style sheet of what holds them."""

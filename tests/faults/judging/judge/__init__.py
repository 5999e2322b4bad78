"""An independent judge of histories: it knows the promises and not the service, and imports nothing but Python's own."""

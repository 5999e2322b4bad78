"""An independent judge of histories: it knows the promises and not the service, and needs nothing but Python."""

"""``%autotune``: the magic, and the session that keeps its state."""

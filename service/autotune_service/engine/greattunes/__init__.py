"""The greattunes 0.0.7 package as an engine of its own; ``adapter`` is the entry point."""

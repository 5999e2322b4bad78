"""The async client: the calls of the blocking one, to be awaited."""

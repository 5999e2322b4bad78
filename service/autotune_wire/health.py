"""Whether a service process runs, and which one it is."""

from autotune_wire.base import Reply


class Live(Reply):
    """The reply of ``GET /health/live``; an older service sends the status alone."""

    status: str
    version: str | None = None
    mode: str | None = None

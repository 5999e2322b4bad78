"""A Postgres that the service starts itself in a folder, for users without a database; on a unix socket only."""

from autotune_service.store.embedded.postmaster import StartCancelledError
from autotune_service.store.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "StartCancelledError"]

"""A Postgres that the service starts itself in a folder, for users without a database; on a unix socket only."""

from autotune_service.store.embedded.cluster import has_no_cluster
from autotune_service.store.embedded.postmaster import STOPPED_WITHIN_S, StartCancelledError
from autotune_service.store.embedded.server import EmbeddedPostgres

__all__ = ["STOPPED_WITHIN_S", "EmbeddedPostgres", "StartCancelledError", "has_no_cluster"]

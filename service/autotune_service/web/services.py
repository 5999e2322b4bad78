"""What the handlers work with; the app that serves a request carries it."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from quart import current_app

from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.live.hub import Hub
from autotune_service.store.database import Store
from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.listing import Listing

_EXTENSION = "autotune"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one service process.

    ``epoch`` names the log that its seqs are of; ``sockets`` counts those of each user, and ``waited_for`` the
    suggestions of each experiment that requests at this process wait for.
    """

    store: Store
    hub: Hub
    accounts: Accounts
    ask_wait_s: float
    epoch: str = ""
    sockets_per_user: int = 1000
    limits: Limits = DEFAULT_LIMITS
    listing: Listing = field(default_factory=Listing)
    sockets: Counter[UUID] = field(default_factory=Counter)
    waited_for: Counter[UUID] = field(default_factory=Counter)


def services() -> Services:
    """Give the services of the app that handles the current request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)
    return found

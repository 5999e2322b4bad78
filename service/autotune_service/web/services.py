"""What the handlers work with; the app that serves a request carries it."""

from dataclasses import dataclass

from quart import current_app

from autotune_service.live.hub import Hub
from autotune_service.store.database import Store
from autotune_service.tuning.accounts import Accounts

_EXTENSION = "autotune"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one service process."""

    store: Store
    hub: Hub
    accounts: Accounts
    ask_wait_s: float


def services() -> Services:
    """Give the services of the app that handles the current request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)
    return found

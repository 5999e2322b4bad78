"""The parts of the service that handlers work with, carried by the app that handles a request."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from quart import current_app

from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.live.hub import Hub
from autotune_service.live.turns import Turns
from autotune_service.store.database import Store
from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.imports.running import Imports
from autotune_service.tuning.kept import KeptReplies
from autotune_service.tuning.listing import Listing
from autotune_service.tuning.roles import Roles
from autotune_service.tuning.sessions import Sessions
from autotune_service.tuning.stored import StoredBytes
from autotune_service.web.checking.bodies import Bodies
from autotune_service.web.descriptors import SocketRoom
from autotune_service.web.rights import Rights

_EXTENSION = "autotune"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one service process.

    Attributes:
        store: The database.
        hub: Wakes requests that wait for an experiment.
        accounts: The users.
        sessions: Who is signed in.
        roles: Who has which role on an experiment.
        ask_wait_s: How long an ask waits for the engine.
        mode: The mode that the service was started in, ``dev`` or ``prod``.
        sockets_per_user: The most websockets that a user may have open.
        rights: Looks at the rights of open websockets again.
        has_basic: Whether the whole API takes Basic authentication.
        limits: The limits of the service.
        turns: The requests in flight, by user.
        kept: Counts the replies that are kept for each user.
        stored: Knows how many bytes the experiments of each user take.
        listing: Writes the pages of experiments.
        room: The room for websockets.
        imports: The long imports that are running.
        bodies: Reads large bodies.
        sockets: The number of open websockets, by user.
        waited_for: The number of suggestions that requests at this process wait for, by experiment.
    """

    store: Store
    hub: Hub
    accounts: Accounts
    sessions: Sessions
    roles: Roles
    rights: Rights
    ask_wait_s: float
    mode: str = "dev"
    sockets_per_user: int = 100
    has_basic: bool = False
    limits: Limits = DEFAULT_LIMITS
    turns: Turns = field(default_factory=lambda: Turns(at_once=5, in_flight=500))
    kept: KeptReplies = field(default_factory=KeptReplies)
    stored: StoredBytes = field(default_factory=StoredBytes)
    listing: Listing = field(default_factory=Listing)
    room: SocketRoom = field(default_factory=SocketRoom)
    imports: Imports = field(default_factory=Imports)
    bodies: Bodies = field(default_factory=Bodies)
    sockets: Counter[UUID] = field(default_factory=Counter)
    waited_for: Counter[UUID] = field(default_factory=Counter)


def services() -> Services:
    """Return the services of the app that handles the current request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)
    return found

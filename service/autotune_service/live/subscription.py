"""Replay, then live: every event of one experiment after a seq, in order, each once."""

from collections.abc import AsyncGenerator
from uuid import UUID

from autotune_service.live.hub import Hub, wait_for_wake
from autotune_service.store.database import Store
from autotune_service.store.events import list_events
from autotune_wire.frames import Event

_BATCH = 500
_POLL_S = 5.0


async def subscribe(store: Store, hub: Hub, exp_uuid: UUID, after: int) -> AsyncGenerator[Event]:
    """Give the events after a seq, those that are there and then those that come, until the caller stops.

    Each read starts after the last event given, so nothing is missed and nothing comes twice, however the
    notifications arrive.
    """
    with hub.watch(exp_uuid) as wake:
        while True:
            wake.clear()
            events = await list_events(store, exp_uuid, after, _BATCH)
            for event in events:
                yield event
                after = event.seq
            if len(events) < _BATCH:
                await wait_for_wake(wake, _POLL_S)

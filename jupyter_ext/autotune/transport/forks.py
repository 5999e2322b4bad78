"""What a forked child makes anew: a lock, thread or socket of its parent is of no use to it, and may do harm.

A lock may be held by a thread that the child does not have, and on a shared socket two processes read each other's
replies.
"""

import os
from typing import Protocol
from weakref import WeakSet

import pydantic.main


class Forked(Protocol):
    """An object that holds locks, threads or sockets."""

    def after_fork(self) -> None:
        """Replace them in a forked child, before anything else runs there; must not wait for anything."""


_forked: WeakSet[Forked] = WeakSet()


def renew_after_fork(holder: Forked) -> None:
    """Call ``holder.after_fork()`` in every child that is forked from now on, for as long as the holder lives."""
    _forked.add(holder)


def _renew_all() -> None:
    for holder in list(_forked):
        holder.after_fork()


# pydantic completes some models at their first use, under a lock of its own: a child that is forked meanwhile would
# wait for that lock for ever. Former versions of pydantic have no such lock.
_completing = getattr(pydantic.main, "_rebuild_lock", None)

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_all)
    if _completing is not None:
        os.register_at_fork(
            before=_completing.acquire, after_in_parent=_completing.release, after_in_child=_completing.release
        )

"""Pauses: a user holds an experiment's suggestions back for a while."""

from uuid import UUID

from pydantic import Field

from autotune_wire.base import Moment, Reason, Reply, Request


class Pause(Request):
    """The body of ``POST /experiment/{exp_uuid}/pause``."""

    reason: Reason | None = Field(default=None, description="Why the experiment is paused, for people.")


class Paused(Reply):
    """The pause of an experiment: who paused it, when and why."""

    reason: str | None = Field(description="Why the experiment is paused; null if nobody said why.")
    by: UUID | None = Field(
        default=None, description="The user who paused it; null if the service does not know, as after an import."
    )
    at: Moment

"""Pauses: a user holds an experiment's suggestions back for a while."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from autotune_wire.base import Moment, Reply, Request, storable

PauseReason = Annotated[str, Field(strict=True, min_length=1, max_length=1000), AfterValidator(storable)]


class Pause(Request):
    """The body of ``POST /experiment/{exp_uuid}/pause``."""

    reason: PauseReason | None = Field(default=None, description="Why the experiment is paused, for people.")


class Paused(Reply):
    """The pause of an experiment: who paused it, when and why."""

    reason: str | None = Field(description="Why the experiment is paused; null if nobody said why.")
    by: UUID | None = Field(
        default=None, description="The user who paused it; null if the service does not know, as after an import."
    )
    at: Moment

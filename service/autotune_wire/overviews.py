"""Overviews: an experiment at a glance, with the outcomes of all its runs by columns."""

from pydantic import Field

from autotune_wire.base import MAX_WHOLE, Reply, Request
from autotune_wire.experiments import Experiment
from autotune_wire.suggestions import Suggestion


class OverviewQuery(Request):
    """The query of an overview."""

    newest: int | None = Field(
        default=None,
        ge=0,
        le=MAX_WHOLE,
        description="The columns have only so many of the newest observations; with 0 they are empty. Without it they "
        "have all observations.",
    )


class OverviewChange(Reply):
    """A change of the space."""

    seq: int = Field(description="The seq of the event that announced the change.")
    changes: list[str] = Field(description="A text for each change.")


class Overview(Reply):
    """An experiment as it stands, small enough to be fetched at once: what a picture of its progress needs.

    Open the stream with ``?after=`` the experiment's ``last_seq``: what happens from then on comes as events. An event
    that came while the overview was read may be in the overview already.
    """

    experiment: Experiment
    suggestions: list[Suggestion] = Field(description="The open and the leased suggestions, oldest first.")
    changes: list[OverviewChange] = Field(description="The changes of the space, oldest first.")
    seqs: list[int] = Field(
        description="For each observation, oldest first, the seq of the event that announced it. With `newest` the "
        "columns stand for the last numbers alone: of n entries the first is observation n_observations - n + 1 of the "
        "experiment, the last n_observations."
    )
    responses: dict[str, list[float | None]] = Field(
        description="For each response, by name, what each observation measured; null where it was not measured."
    )
    failed: list[int] = Field(
        description="The numbers of the failed runs; 1 is the oldest observation of the experiment, with `newest` too."
    )
    excluded: list[int] = Field(description="The numbers of the excluded observations.")
    modelled: list[int] = Field(description="The numbers of the runs that a model suggested.")
    stopped: list[int] = Field(default_factory=list, description="The numbers of the runs that were stopped early.")

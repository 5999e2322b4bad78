"""Learning from earlier experiments: which ones, and how much each of them counts."""

from uuid import UUID

from pydantic import Field

from autotune_wire.base import Reply

MAX_EARLIER = 10
MAX_EARLIER_RUNS = 2000
"""How many runs of an earlier experiment are taken over: of more, the newest."""


class EarlierExperiment(Reply):
    """An earlier experiment, as it was when the experiment that learns from it was created."""

    exp_uuid: UUID
    name: str
    n_runs: int = Field(description="How many of its runs are learnt from.")
    last_seq: int = Field(description="The seq of its last event by then: what came later is not learnt from.")


class EarlierWeight(Reply):
    """How much an earlier experiment counts in the model of a response."""

    exp_uuid: UUID
    name: str
    response: str
    weight: float = Field(
        description="By how many of its usual deviations the response changes where the earlier experiment predicts "
        "one of its own: 1 if both have the same shape, 0 if the earlier one tells nothing, less than 0 if they are "
        "opposed."
    )
    sd: float = Field(description="Standard deviation of the weight: it is large while few runs are told.")

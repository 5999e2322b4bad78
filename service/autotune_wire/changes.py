"""Changes of an experiment under way: the revisions of its space, and going on after a stop."""

from pydantic import Field

from autotune_wire.base import Configuration, Moment, Reply, Request
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space
from autotune_wire.stopping import StopRules


class Resume(Request):
    """The body of ``POST /experiment/{exp_uuid}/resume``."""

    stop: StopRules | None = Field(
        default=None, description="The stop rules from now on; null for none, and where absent the ones before."
    )


class SpaceRevision(Reply):
    """A space as it was, from its event on until that of the next revision."""

    revision: int = Field(description="0 is the space that the experiment was made with.")
    seq: int = Field(description="The seq of the event that announced it.")
    covars: Space
    constraints: list[Constraint]
    backfill: Configuration = Field(description="What the runs before it had of the covariates that it added.")
    time_created: Moment


class SpaceRevisions(Reply):
    """The revisions of an experiment's space, oldest first."""

    spaces: list[SpaceRevision]

"""Changes of an experiment that is under way: new revisions of its space, and resuming after a stop."""

from pydantic import Field

from autotune_wire.base import Configuration, Moment, Reply, Request
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space
from autotune_wire.stopping import StopRules


class Resume(Request):
    """The body of ``POST /experiment/{exp_uuid}/resume``."""

    stop: StopRules | None = Field(
        default=None,
        description="The stop rules from now on; null for no rules. If absent, the rules stay as they are.",
    )


class SpaceRevision(Reply):
    """One revision of a space, valid from its event until the event of the next revision."""

    revision: int = Field(description="0 is the space that the experiment was created with.")
    seq: int = Field(description="The seq of the event that announced this revision.")
    covars: Space
    constraints: list[Constraint]
    backfill: Configuration = Field(
        description="For each covariate that this revision added, its value in all earlier runs."
    )
    time_created: Moment


class SpaceRevisions(Reply):
    """The revisions of an experiment's space, oldest first."""

    spaces: list[SpaceRevision]

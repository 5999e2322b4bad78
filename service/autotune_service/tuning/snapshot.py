"""What the engine is to know of an experiment: everything up to one moment."""

from collections.abc import Iterable
from dataclasses import dataclass

from autotune_service.domain.revision import backfilled
from autotune_service.store.database import Work
from autotune_service.store.experiments import ExperimentRow
from autotune_service.store.observations import ObservationRow, list_counted
from autotune_service.store.spaces import SpaceRow, list_spaces
from autotune_service.store.suggestions import SuggestionRow, list_abandoned, list_pending
from autotune_wire.base import Configuration
from autotune_wire.space import Space


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An experiment as it stood, with the revisions of its space, the data that count and what is pending."""

    experiment: ExperimentRow
    spaces: list[SpaceRow]
    observations: list[ObservationRow]
    pending: list[SuggestionRow]

    @property
    def former_spaces(self) -> list[Space]:
        """The spaces that the experiment had before, oldest first."""
        return [one.space for one in self.spaces[:-1]]

    def in_newest_space(self, covars: Configuration) -> Configuration:
        """Give a configuration of any revision as one of the newest: with what was added since."""
        return backfilled(self.experiment.space, covars, backfill_of(self.spaces))

    @property
    def data_rev(self) -> int:
        """The revision of the data that this is."""
        return self.experiment.data_rev


async def read_snapshot(work: Work, row: ExperimentRow) -> Snapshot:
    """Read all that belongs to an experiment, whose row the caller keeps from changing.

    New data replace every open suggestion, so those that do not know the newest are pending no more. What was
    abandoned counts as pending until newer data come: the same data would have the engine propose it again.
    """
    pending = await list_pending(work, row.exp_uuid) + await list_abandoned(work, row.exp_uuid, row.data_rev)
    return Snapshot(
        experiment=row,
        spaces=await list_spaces(work, row.exp_uuid),
        observations=await list_counted(work, row.exp_uuid),
        pending=[one for one in pending if not one.is_open or one.data_rev >= row.data_rev],
    )


def backfill_of(spaces: Iterable[SpaceRow]) -> Configuration:
    """Give the values that runs had of all the covariates that were added since."""
    return {name: value for one in spaces for name, value in one.backfill.items()}

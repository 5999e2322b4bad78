"""All that the engine is to know of an experiment, read at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from autotune_service.domain.candidates import BLOCK, Block, CheckedRow
from autotune_service.domain.outside import modelled_in
from autotune_service.domain.stopped_runs import Completed, Prospects
from autotune_service.store.database import Work
from autotune_service.store.rows.candidates import list_blocks
from autotune_service.store.rows.curves import CurveRow, list_curves
from autotune_service.store.rows.earlier import EarlierRun, list_earlier
from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.rows.observations import ObservationRow, list_counted
from autotune_service.store.rows.spaces import SpaceRow, list_spaces
from autotune_service.store.rows.suggestions import SuggestionRow, list_abandoned, list_pending
from autotune_wire.base import Configuration
from autotune_wire.candidates import SuggestedCandidate
from autotune_wire.reports import reported_of
from autotune_wire.space import Space, backfilled


@dataclass(frozen=True)
class Snapshot:
    """An experiment at one moment: its row, all spaces, the runs that the model can use and the pending suggestions.

    Attributes:
        n_left_out: How many further runs count, but have a value that has no place on its covariate's scale.
        earlier: The runs of the earlier experiments that this one learns from.
        curves: What runs reported, by their suggestions; read only where a run was stopped early.
        blocks: The rows of the experiment's list; empty without a list.
    """

    experiment: ExperimentRow
    spaces: list[SpaceRow]
    observations: list[ObservationRow]
    pending: list[SuggestionRow]
    n_left_out: int = 0
    earlier: list[EarlierRun] = field(default_factory=list)
    curves: Mapping[UUID | None, CurveRow] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    @property
    def former_spaces(self) -> list[Space]:
        """The spaces that the experiment had before, oldest first."""
        return [revision.space for revision in self.spaces[:-1]]

    def in_newest_space(self, covars: Configuration) -> Configuration:
        """Return a configuration of any revision with the backfill values of the covariates that were added since."""
        return backfilled(self.experiment.space, covars, backfill_of(self.spaces))

    @cached_property
    def prospects(self) -> Prospects:
        """What the runs that were completed show about those that were stopped early."""
        name, objective = reported_of(self.experiment.early_stop, self.experiment.responses)
        completed = [
            Completed(self.curves[run.suggestion_uuid].points if run.suggestion_uuid in self.curves else {}, final)
            for run in self.observations
            if (final := run.responses.get(name)) is not None
        ]
        return Prospects(objective, completed)

    @property
    def used(self) -> list[int]:
        """The numbers of the rows of the list that were run or are pending, as often as they are."""
        numbers = [row.candidate for row in self.observations] + [one.number for one in self.pending]
        return [number for number in numbers if number is not None]

    def row_of(self, number: int) -> CheckedRow:
        """Return the row of the list with a number."""
        block = self.blocks[(number - 1) // BLOCK]
        return block.rows()[number - block.first]

    def candidate(self, number: int) -> dict[str, Any]:
        """Return what a suggestion says of the row of the list that it is."""
        return SuggestedCandidate(number=number, details=self.row_of(number).details).model_dump(mode="json")

    @property
    def data_rev(self) -> int:
        """The revision of the experiment's data."""
        return self.experiment.data_rev


async def read_snapshot(work: Work, row: ExperimentRow) -> Snapshot:
    """Read the snapshot of an experiment whose row the caller has locked.

    New data replace every open suggestion, so an open suggestion that does not know the newest data is not pending. An
    abandoned suggestion counts as pending until newer data come: from the same data the engine would suggest it again.
    """
    pending = await list_pending(work, row.exp_uuid) + await list_abandoned(work, row.exp_uuid, row.data_rev)
    counted, is_modelled = await list_counted(work, row.exp_uuid), modelled_in(row.space)
    modelled = [observation for observation in counted if is_modelled(observation.covars)]
    has_stopped = any(observation.stopped_step is not None for observation in modelled)
    curves = [one.curve for one in await list_curves(work, row.exp_uuid)] if has_stopped else []
    return Snapshot(
        experiment=row,
        spaces=await list_spaces(work, row.exp_uuid),
        observations=modelled,
        n_left_out=len(counted) - len(modelled),
        earlier=await list_earlier(work, row.exp_uuid) if row.learn_from else [],
        curves={curve.suggestion_uuid: curve for curve in curves},
        blocks=[] if row.candidates is None else await list_blocks(work, row.exp_uuid),
        pending=[suggestion for suggestion in pending if not suggestion.is_open or suggestion.data_rev >= row.data_rev],
    )


def backfill_of(spaces: Iterable[SpaceRow]) -> Configuration:
    """Return the backfill values of all covariates that these revisions of a space added, by covariate."""
    return {name: value for revision in spaces for name, value in revision.backfill.items()}

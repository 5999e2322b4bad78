"""Take what a run reports while it is under way, and judge whether it should be stopped."""

from bisect import bisect_left
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from autotune_service.domain.early_stopping import OtherRun, why_stopped
from autotune_service.domain.errors import AlreadyToldError, InvalidError, LimitReachedError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.curves import CurveRow, count_reports, get_curve, list_curves, store_curve
from autotune_service.store.rows.events import record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.suggestions import LEASED, TOLD, get_suggestion, set_lease_at_least
from autotune_service.tuning.aside import aside
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.problems import FieldProblem
from autotune_wire.reports import MAX_CURVES, MAX_REPORTS, Curves, Report, Verdict, reported_of

_COUNT = frozenset({"running", "completed", "stopped", "ended"})
"""The states of the runs that others are compared with."""


async def report(
    store: Store, user_uuid: UUID, exp_uuid: UUID, body: Report, once: Once = ALWAYS, limits: Limits = DEFAULT_LIMITS
) -> Verdict:
    """Store one value of a run under way, prolong its lease, and judge the run by the experiment's rule.

    A value for a step that was reported before replaces the former value, as a run that goes on from a checkpoint comes
    to some steps twice; the log keeps both. The same value again changes nothing. Once a run is to be stopped, this
    stays so, whatever is reported later.

    A run whose lease has ended may report, as it may tell.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If the suggestion is none of the experiment's.
        AlreadyToldError: If the suggestion has its observation already.
        LimitReachedError: If the run, or the runs of the experiment together, would have more reports than are allowed.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        suggestion = await get_suggestion(work, exp_uuid, body.suggestion_uuid)
        if suggestion is None:
            message = f"is not a suggestion of experiment {exp_uuid}"
            value = str(body.suggestion_uuid)
            raise InvalidError.of([FieldProblem(field="suggestion_uuid", message=message, value=value)])
        curve = await get_curve(work, exp_uuid, body.suggestion_uuid)
        if curve is None:
            curve = CurveRow(exp_uuid, row.last_seq + 1, body.suggestion_uuid, [], [], None, row.changed_at)
        if curve.points.get(body.step) == body.value:
            verdict = _verdict(curve, body.step)
            await once.keep(work, verdict)
            return verdict
        if suggestion.state == TOLD:
            raise AlreadyToldError(
                f"suggestion {body.suggestion_uuid} has its observation: its run reports nothing any more"
            )
        await _require_room(work, row, curve, body.step, limits)
        curve = replace(_with_point(curve, body.step, body.value), updated_at=row.changed_at)
        if curve.why is None and row.early_stop is not None:
            curve = replace(curve, why=await _judged(work, row, curve, body.step))
        verdict = _verdict(curve, body.step)
        changes = [store_curve(curve), *once.kept(verdict)]
        if suggestion.state == LEASED:
            changes.append(set_lease_at_least(body.suggestion_uuid, timedelta(seconds=body.lease_s)))
        data = {
            "suggestion_uuid": str(body.suggestion_uuid),
            "step": body.step,
            "value": body.value,
            "should_stop": verdict.should_stop,
            "why": verdict.why,
        }
        await record(work, row, [("reported", data)], {}, *changes)
    return verdict


async def read_curves(store: Store, user_uuid: UUID, exp_uuid: UUID, newest: int = MAX_CURVES) -> Curves:
    """List what the runs of a user's experiment reported that began to report last, at most ``newest``."""
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        seen = await list_curves(work, exp_uuid, newest)
    name, _ = reported_of(row.early_stop, row.responses)
    return Curves(response=name, curves=[one.to_wire() for one in seen])


async def _require_room(work: Work, row: ExperimentRow, curve: CurveRow, step: int, limits: Limits) -> None:
    if step in curve.steps:
        return
    if len(curve.steps) >= MAX_REPORTS:
        raise LimitReachedError(
            f"a run may report at most {MAX_REPORTS} steps, and this one has reported so many: report fewer of its "
            "steps, such as every tenth"
        )
    if await count_reports(work, row.exp_uuid) >= limits.reports:
        raise LimitReachedError(
            f"the runs of an experiment may report at most {limits.reports} steps together on this service, and those "
            "of this one have: report fewer of their steps, or go on with a new experiment"
        )


def _with_point(curve: CurveRow, step: int, value: float) -> CurveRow:
    place = bisect_left(curve.steps, step)
    end = place + (step in curve.steps)
    return replace(
        curve,
        steps=[*curve.steps[:place], step, *curve.steps[end:]],
        values=[*curve.values[:place], value, *curve.values[end:]],
    )


async def _judged(work: Work, row: ExperimentRow, curve: CurveRow, step: int) -> str | None:
    assert row.early_stop is not None
    _, objective = reported_of(row.early_stop, row.responses)
    seen = await list_curves(work, row.exp_uuid)
    others = [
        OtherRun(one.curve.points, is_completed=one.state == "completed")
        for one in seen
        if one.state in _COUNT and one.curve.suggestion_uuid != curve.suggestion_uuid
    ]
    n_values = sum(len(other.points) for other in others)
    return await aside(n_values, why_stopped, row.early_stop, objective, curve.points, step, others)


def _verdict(curve: CurveRow, step: int) -> Verdict:
    return Verdict(
        suggestion_uuid=curve.suggestion_uuid,
        step=step,
        should_stop=curve.why is not None,
        why=curve.why,
        n_reports=len(curve.steps),
    )

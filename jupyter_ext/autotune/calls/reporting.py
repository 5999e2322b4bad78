"""Report what a run under way has come to, and fetch what runs reported."""

from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.transport.caller import Caller
from autotune.values import plain
from autotune.views.curves import Verdict
from autotune_wire import reports
from autotune_wire import suggestions as wire
from autotune_wire.paths import EXPERIMENT_CURVES, EXPERIMENT_REPORT


def report_of(suggestion: Any, step: Any, value: Any, lease_s: Any = None) -> reports.Report:
    """Build the body of a report; numbers of numpy become Python's own.

    Raises:
        InvalidInputError: If ``suggestion`` is no suggestion, or a number is not valid.
    """
    uuid = suggestion.suggestion_uuid if isinstance(suggestion, wire.Suggestion) else suggestion
    if not isinstance(uuid, UUID):
        raise InvalidInputError(f"report takes a suggestion, as ask() returns it, not {type(suggestion).__name__}")
    value = plain(value)
    value = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    given = {"suggestion_uuid": uuid, "step": plain(step), "value": value}
    with checked("this report"):
        return reports.Report.model_validate(given if lease_s is None else {**given, "lease_s": plain(lease_s)})


async def report(connection: Caller, exp_uuid: UUID, body: reports.Report) -> Verdict:
    """Send a report, and return the verdict on the run."""
    path = EXPERIMENT_REPORT.format(exp_uuid=exp_uuid)
    return Verdict(**dict(await connection.send(path, reports.Verdict, body)))


async def read_curves(connection: Caller, exp_uuid: UUID, newest: int | None = None) -> reports.Curves:
    """Fetch the curves of an experiment's runs; of many, at most the newest."""
    query = {} if newest is None else {"newest": newest}
    return await connection.fetch(EXPERIMENT_CURVES.format(exp_uuid=exp_uuid), reports.Curves, **query)

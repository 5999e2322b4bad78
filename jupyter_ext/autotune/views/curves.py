"""What runs report while they are under way, as users see it."""

from typing import Any

from autotune.views.tables import table
from autotune_wire import reports

STEP, RUN, STATE, SHOULD_STOP = "step", "run", "state", "should_stop"


class Verdict(reports.Verdict):
    """Whether to go on with a run: true in a condition where the run should be stopped, as ``should_stop`` is."""

    def __bool__(self) -> bool:
        return self.should_stop

    def __repr__(self) -> str:
        return f"Verdict(step {self.step}: {'stop, ' if self.should_stop else 'go on'}{self.why or ''})"

    __str__ = __repr__


def curve_table(curves: reports.Curves) -> Any:
    """Build the table of all reports: the number of the run, its step and value, its state, and whether to stop it.

    Runs are numbered from 1 in the order in which they first reported.
    """
    records = [
        {RUN: n, STEP: step, curves.response: value, STATE: curve.state, SHOULD_STOP: curve.should_stop}
        for n, curve in enumerate(curves.curves, start=1)
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    return table([RUN, STEP, curves.response, STATE, SHOULD_STOP], records)

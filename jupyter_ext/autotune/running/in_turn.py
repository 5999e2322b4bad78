"""The loop that runs a function in one thread: ask, run, tell."""

from collections.abc import Callable, Mapping
from typing import Any

from autotune.ask_tell import AskTell
from autotune.errors import AutotuneError, InvalidInputError, RunFailed, ServiceError
from autotune.inputs.told import Measured, Run
from autotune.views.shown import Observation

STOPPED = "experiment_stopped"

Returned = Measured | tuple[Measured, Measured]
"""What the function that is tuned returns: the response, or a pair of the response and its standard deviation."""

Function = Callable[[dict[str, Any]], Returned]
OnTell = Callable[[Observation], None]


def run_in_turn(
    experiment: AskTell, function: Function, n: int, on_tell: OnTell | None, fixed: Mapping[str, Any] | None
) -> None:
    """Run one configuration after the other in this thread; see ``Experiment.run``."""
    for number in range(n):
        try:
            suggestion = experiment.ask(fixed=fixed)
        except ServiceError as error:
            if error.code != STOPPED or number == 0:
                raise
            break
        try:
            returned = function(dict(suggestion.covars))
        except RunFailed:
            observation = experiment.fail(suggestion)
        else:
            observation = tell_returned(experiment, suggestion, returned)
        if on_tell is not None:
            on_tell(observation)


def tell_returned(experiment: AskTell, run: Run, returned: Returned) -> Observation:
    """Tell what a function returned for a run.

    An error gets a note with the returned value, because the run may have been expensive.
    """
    response, sd = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    try:
        return experiment.tell(run, response, sd=sd)
    except AutotuneError as error:
        error.add_note(f"{run} gave {returned!r}.")
        raise


def require_count(name: str, value: Any) -> int:
    """Check that a value is a whole number of at least 1, and return the number.

    Raises:
        InvalidInputError: If the value is anything else; the message names the argument ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{name} must be a whole number of at least 1, not {value}")
    return value

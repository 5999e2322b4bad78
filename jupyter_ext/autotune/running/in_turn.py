"""The loop for a function: ask, run, tell."""

from collections.abc import Callable, Mapping
from typing import Any

from autotune.ask_tell import AskTell
from autotune.errors import AutotuneError, InvalidInputError, RunFailed, ServiceError
from autotune.inputs.told import Measured, Run
from autotune.views.shown import Observation

STOPPED = "experiment_stopped"

Returned = Measured | tuple[Measured, Measured]
"""What a function that is tuned returns: what was measured, or that with its standard deviation."""

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
            result = function(dict(suggestion.covars))
        except RunFailed:
            observation = experiment.fail(suggestion)
        else:
            observation = tell_result(experiment, suggestion, result)
        if on_tell is not None:
            on_tell(observation)


def tell_result(experiment: AskTell, run: Run, result: Returned) -> Observation:
    """Tell what a function returned; an error on the way keeps it in a note, as it may have been dear to get."""
    response, sd = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    try:
        return experiment.tell(run, response, sd=sd)
    except AutotuneError as error:
        error.add_note(f"{run} gave {result!r}.")
        raise


def require_count(name: str, value: Any) -> int:
    """Give a number of at least 1.

    Raises:
        InvalidInputError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{name} must be at least 1, not {value}")
    return value

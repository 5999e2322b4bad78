"""What is wanted of the responses, and whether a run or a prediction meets its bounds."""

from collections.abc import Callable, Mapping

from autotune.values import number_text, spread_text
from autotune_wire.responses import RESPONSE, Objective, Response, Target, Threshold, is_met, primary_of
from autotune_wire.suggestions import Predicted

NAMELESS = "response"


def response_name(responses: Mapping[str, Response]) -> str:
    """Return the name of the first objective for people, ``response`` where the user gave no name."""
    name, _ = primary_of(responses)
    return NAMELESS if name == RESPONSE else name


def goals_text(responses: Mapping[str, Response]) -> str:
    """Write the goals of the responses on one line; of a single response without a name, the goal alone."""
    if list(responses) == [RESPONSE]:
        return goal_text("", responses[RESPONSE]).strip()
    return ", ".join(goal_text(name, response) for name, response in responses.items())


def goal_text(name: str, response: Response, number: Callable[[float], str] = number_text) -> str:
    """Write the goal of one response with its name; ``number`` writes its target or bound."""
    if isinstance(response, Objective):
        return f"{response.goal} {name}"
    if isinstance(response, Target):
        return f"{name} = {number(response.target)}"
    return f"{name} {response.goal} {number(response.bound)}"


def measured_text(value: float, goal: Response | None, *, with_bound: bool = True) -> str:
    """Write a measured value, and beside it the target, or the bound of a threshold and whether the value meets it.

    Args:
        value: The value.
        goal: The goal of the response; None if it is not known.
        with_bound: Whether the target or the bound is written too.
    """
    return f"{number_text(value)}{_verdict(value, goal, with_bound)}"


def expected_text(predicted: Predicted, goal: Response | None, *, with_bound: bool = True) -> str:
    """Write a prediction as ``measured_text`` writes a value; the mean is what meets a threshold or misses it."""
    return f"{spread_text(predicted.mean, predicted.sd)}{_verdict(predicted.mean, goal, with_bound)}"


def label_of(name: str, goal: Response) -> str:
    """Return the label of a response in a table: the name, with its target or its bound if it has one."""
    return name if isinstance(goal, Objective) else goal_text(name, goal)


def _verdict(value: float, goal: Response | None, with_bound: bool) -> str:
    if isinstance(goal, Target):
        return f" (target {number_text(goal.target)})" if with_bound else ""
    if not isinstance(goal, Threshold):
        return ""
    bound = f"{goal.goal} {number_text(goal.bound)}: " if with_bound else ""
    return f" ({bound}{'met' if is_met(goal, value) else 'missed'})"

"""Which response a picture is about, and how its goal is written."""

from autotune_pictures.parts.errors import chosen
from autotune_pictures.parts.texts import number_text
from autotune_wire.experiments import Experiment
from autotune_wire.responses import (
    RESPONSE,
    Objective,
    Response,
    Target,
    Threshold,
    primary_of,
)

SIGNS = {">=": "\N{GREATER-THAN OR EQUAL TO}", "<=": "\N{LESS-THAN OR EQUAL TO}"}


def response_of(experiment: Experiment, response: str | None) -> str:
    """Return the response that a picture is about: the one that was named, or the first objective.

    Raises:
        PictureError: If the experiment has no response of this name.
    """
    if response is None:
        return primary_of(experiment.responses)[0]
    return chosen("response", response, list(experiment.responses))


def label_of(response: str) -> str:
    """Return the name of a response for people; a response without a name is the ``response``."""
    return "response" if response == RESPONSE else response


def line_of(goal: Response) -> tuple[float, str] | None:
    """Return the value of a response that a picture marks with a line, and what the line is; None if there is none."""
    if isinstance(goal, Threshold):
        return goal.bound, SIGNS[goal.goal]
    if isinstance(goal, Target):
        return goal.target, "target"
    assert isinstance(goal, Objective)
    return None if goal.reference is None else (goal.reference, "reference")


def goal_text(response: str, goal: Response) -> str:
    """Write a response with its goal, as the title of an axis: ``yield (maximize)``."""
    if isinstance(goal, Objective):
        return f"{label_of(response)} ({goal.goal})"
    bound = goal.target if isinstance(goal, Target) else goal.bound
    sign = "=" if isinstance(goal, Target) else SIGNS[goal.goal]
    return f"{label_of(response)} ({sign} {number_text(bound)})"

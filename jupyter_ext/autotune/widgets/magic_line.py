"""The line of ``%autotune`` that creates an experiment, so that a form can be repeated and kept as text."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from autotune.inputs.covariate_text import covariate_of_text
from autotune.values import exact_text
from autotune.views.goals import goal_text
from autotune.views.shown import constraint_text
from autotune_wire.constraints import LinearConstraint
from autotune_wire.experiments import NewExperiment
from autotune_wire.responses import Objective, Response
from autotune_wire.space import CatCovariate, Covariate

_COVARIATE: TypeAdapter[Covariate] = TypeAdapter(Covariate)


def magic_line(new: NewExperiment, table: str = "") -> str:
    """Write the line that creates an experiment.

    Covariates are written as texts where a text says all of them, else as one dict.

    Args:
        new: The experiment.
        table: The file or variable of its list of candidates; empty without a list.
    """
    parts = ["%autotune new", _quoted(new.name)]
    texts = {name: _text(covariate) for name, covariate in new.covars.items()}
    if any(text is None for text in texts.values()) or any(":" in name for name in texts):
        parts.append(repr({name: _described(covariate) for name, covariate in new.covars.items()}))
    else:
        parts += [f"--x {_quoted(f'{name}: {text}')}" for name, text in texts.items()]
        guesses = {name: covariate.guess for name, covariate in new.covars.items() if not _is_usual(covariate)}
        parts += [f"--guess {guesses!r}"] if guesses else []
    parts += _responses(new.responses or {})
    for constraint in new.constraints:
        is_text = isinstance(constraint, LinearConstraint)
        written = _quoted(constraint_text(constraint, new.covars)) if is_text else repr(constraint.model_dump())
        parts.append(f"--constraint {written}")
    parts += [f"--learn-from {uuid}" for uuid in new.learn_from]
    if new.early_stop is not None:
        own = new.early_stop.model_dump(exclude_unset=True)
        parts.append(f"--early-stop {own['rule'] if own.keys() == {'rule'} else repr(own)}")
    parts += [f"--candidates {_quoted(table)}"] if table else []
    return " ".join(parts)


def covariate_line(covariate: Covariate) -> str:
    """Write a covariate on one line, as ``covariate_of_text`` reads it; without its guess and its condition."""
    if isinstance(covariate, CatCovariate):
        words = ["|".join(map(str, covariate.options))]
        is_scale = covariate.ordered and isinstance(covariate.options[0], str)
        words += [covariate.unit] if covariate.unit is not None else []
        words += ["ordered"] if is_scale else []
        words += ["context"] if covariate.role == "context" else []
        return " ".join(words)
    words = [f"{exact_text(covariate.min)}..{exact_text(covariate.max)}"]
    words += ["int"] if covariate.vtype == "int" else []
    words += ["log"] if covariate.log else []
    words += [f"step {exact_text(covariate.step)}"] if covariate.step is not None else []
    words += [covariate.role] if covariate.role != "design" else []
    return " ".join([*words, *([covariate.unit] if covariate.unit is not None else [])])


def _text(covariate: Covariate) -> str | None:
    """Write a covariate on one line; None if the line would be read as another covariate."""
    text = covariate_line(covariate)
    try:
        read = _COVARIATE.validate_python({**covariate_of_text(text), "guess": covariate.guess})
    except ValueError:
        return None
    return text if read == covariate else None


def _responses(responses: Mapping[str, Response]) -> list[str]:
    """Write the goals of the responses, as one dict where an objective has a reference, which no text tells."""
    if any(isinstance(goal, Objective) and goal.reference is not None for goal in responses.values()):
        described = {name: _described(goal) for name, goal in responses.items()}
        return [f"--responses {described!r}"]
    return [
        f"--{goal.goal[:3]} {_quoted(name)}"
        if isinstance(goal, Objective)
        else f"--response {_quoted(goal_text(name, goal, exact_text))}"
        for name, goal in responses.items()
    ]


def _is_usual(covariate: Covariate) -> bool:
    """Return whether a covariate's guess is the one that is taken where none is given."""
    return bool(covariate_of_text(covariate_line(covariate))["guess"] == covariate.guess)


def _described(one: Covariate | Response) -> dict[str, Any]:
    return one.model_dump(exclude_unset=True)


def _quoted(text: str) -> str:
    for sign in "{}":
        text = text.replace(sign, sign * 2)
    text = re.sub(r'\\(?="|$)', "{chr(92)}", text.replace("$", "$$"))  # before a quote it would be an escape
    return '"' + text.replace('"', '\\"') + '"'

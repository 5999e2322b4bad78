"""What the space editor starts from: past runs in a DataFrame or a CSV file, or an experiment."""

import re
from collections.abc import Mapping
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.inputs.checks import checked
from autotune.inputs.frames import covariates_of_frame, is_frame
from autotune.values import is_missing
from autotune.views.shown import constraint_text
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.responses import RESPONSE, Objective, Response, Responses
from autotune_wire.space import Covariate, Space
from autotune_wire.told_columns import ABOUT, EXCLUDED, SD, STATUS

_SPACE: TypeAdapter[Space] = TypeAdapter(Space)
_RESPONSES: TypeAdapter[Responses] = TypeAdapter(Responses)


class Start(NamedTuple):
    """What the rows of the editor show at first.

    Attributes:
        name: The name of the experiment.
        covars: The covariates by name.
        responses: The responses by name.
        constraints: The constraints, as texts.
        kept: Constraints that have no text; they stay as they are.
        runs: The past runs, to be told to the new experiment; None if there are none.
        said: What the user should know about it.
    """

    name: str = ""
    covars: Mapping[str, Covariate] = {}
    responses: Mapping[str, Response] = {}
    constraints: tuple[str, ...] = ()
    kept: tuple[Constraint, ...] = ()
    runs: Any = None
    said: str = ""


def start_of(like: Any, responses: Mapping[str, Any] | None) -> Start:
    """Read what to start from.

    Args:
        like: An experiment, a DataFrame of past runs, the path of such runs as CSV, or None.
        responses: The responses and their goals; needed if not the last column of the runs is the only response.

    Raises:
        InvalidInputError: If ``like`` is none of these, or the file cannot be read.
    """
    if like is None:
        return Start()
    if isinstance(like, Experiment):
        return _of_experiment(like)
    if isinstance(like, str | PathLike):
        return _of_frame(_read_csv(Path(like)), responses)
    if is_frame(like):
        return _of_frame(like, responses)
    raise InvalidInputError(
        f"like must be an experiment, a DataFrame or the path of a CSV file, not {type(like).__name__}"
    )


def _of_experiment(experiment: Experiment) -> Start:
    linear = [one for one in experiment.constraints if isinstance(one, LinearConstraint)]
    kept = tuple(one for one in experiment.constraints if not isinstance(one, LinearConstraint))
    texts = tuple(constraint_text(one, experiment.covars) for one in linear)
    said = "".join(f"Kept: {constraint_text(one, experiment.covars)}. " for one in kept)
    return Start(f"{experiment.name} (copy)", experiment.covars, experiment.responses, texts, kept, said=said)


def _of_frame(frame: Any, responses: Mapping[str, Any] | None) -> Start:
    names = list(responses or [])
    said = ""
    if not names:
        names = [_response_of(frame)]
        said = f"{names[0]} is taken for the response; name others by responses={{...}}. "
    try:
        covars = covariates_of_frame(frame, names)
    except ValueError as error:
        raise InvalidInputError(f"the table {error}") from None
    with checked("this table"):
        space = _SPACE.validate_python(covars)
    goals: Mapping[str, Response] = {name: Objective(goal="maximize") for name in names}
    if responses is not None:
        with checked("the argument responses"):
            goals = _RESPONSES.validate_python(
                {name: {"goal": goal} if isinstance(goal, str) else goal for name, goal in responses.items()}
            )
    said += f"Made of {len(frame)} runs, each covariate over its own range: widen the ranges where more is possible."
    return Start("", space, goals, runs=frame, said=said)


def _response_of(frame: Any) -> str:
    columns = [str(column) for column in frame.columns]
    if RESPONSE in columns:
        return RESPONSE
    about = {*ABOUT, STATUS, EXCLUDED, SD}
    numeric = [
        column
        for place, column in enumerate(columns)
        if column not in about and all(_is_number(value) for value in frame.iloc[:, place])
    ]
    if not numeric:
        raise InvalidInputError("the table has no column of numbers that could be the response")
    return numeric[-1]


def _is_number(value: Any) -> bool:
    return is_missing(value) or (hasattr(value, "real") and not isinstance(value, bool))


def _read_csv(path: Path) -> Any:
    import pandas as pd

    try:
        text = path.read_text(encoding="utf-8-sig")
        sign = next((sign for sign in (";", "\t") if sign in text.partition("\n")[0]), ",")
        has_commas = sign != "," and re.search(r"\d,\d", text) is not None
        return pd.read_csv(StringIO(text), sep=sign, decimal="," if has_commas else ".")
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        raise InvalidInputError(
            f"{path} is not a table of runs: write a header line, then a line for each run"
        ) from None

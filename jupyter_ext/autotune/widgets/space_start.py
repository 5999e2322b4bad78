"""What the space editor starts from: past runs in a DataFrame or a CSV file, or an experiment."""

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.inputs.checks import checked
from autotune.inputs.descriptions import goals_of
from autotune.inputs.frames import covariates_of_frame, is_frame
from autotune.values import is_missing
from autotune.views.shown import constraint_text
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.numerals import Cell, DecimalSign, UndecidedError, decimal_sign, number_of, readings_of
from autotune_wire.reports import EarlyStop
from autotune_wire.responses import RESPONSE, Objective, Response, Responses
from autotune_wire.space import Covariate, Space
from autotune_wire.told_cells import is_nothing
from autotune_wire.told_columns import ABOUT, EXCLUDED, FAILED_BECAUSE, SD, STATUS, STOPPED_STEP
from autotune_wire.told_csv import DELIMITERS, separated, usual_sign

_ABOUT_RUNS = frozenset({*ABOUT, STATUS, FAILED_BECAUSE, STOPPED_STEP, EXCLUDED})
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
        earlier: The experiment that the new one may learn from; None if there is none, or it has no runs.
        said: What the user should know about it.
        is_guessed: Whether nobody gave the guesses of the covariates.
        early_stop: The rule that stops runs early.
    """

    name: str = ""
    covars: Mapping[str, Covariate] = {}
    responses: Mapping[str, Response] = {}
    constraints: tuple[str, ...] = ()
    kept: tuple[Constraint, ...] = ()
    runs: Any = None
    earlier: Experiment | None = None
    said: str = ""
    is_guessed: bool = False
    early_stop: EarlyStop | None = None


def start_of(like: Any, responses: Mapping[str, Any] | None) -> Start:
    """Read what to start from.

    Args:
        like: An experiment, a DataFrame of past runs, the path of such runs as CSV, or None.
        responses: The responses and their goals, as ``Client.new`` takes them; needed if not the last column of the
            runs is the only response.

    Raises:
        InvalidInputError: If ``like`` is none of these, or the file cannot be read.
    """
    goals = None if responses is None else _goals(responses)
    if like is None:
        return Start(responses=goals or {})
    if isinstance(like, Experiment):
        start = _of_experiment(like)
        return start if goals is None else start._replace(responses=goals)
    if isinstance(like, str | PathLike):
        return _of_frame(_read_csv(Path(like)), goals)
    if is_frame(like):
        return _of_frame(like, goals)
    raise InvalidInputError(
        f"like must be an experiment, a DataFrame or the path of a CSV file, not {type(like).__name__}"
    )


def _of_experiment(experiment: Experiment) -> Start:
    linear = [one for one in experiment.constraints if isinstance(one, LinearConstraint)]
    kept = tuple(one for one in experiment.constraints if not isinstance(one, LinearConstraint))
    texts = tuple(constraint_text(one, experiment.covars) for one in linear)
    said = "".join(f"Kept: {constraint_text(one, experiment.covars)}. " for one in kept)
    earlier = experiment if experiment.n_observations else None
    return Start(
        f"{experiment.name} (copy)",
        experiment.covars,
        experiment.responses,
        texts,
        kept,
        earlier=earlier,
        said=said,
        early_stop=experiment.early_stop,
    )


def _goals(responses: Mapping[str, Any]) -> Mapping[str, Response]:
    with checked("the argument responses"):
        return _RESPONSES.validate_python(goals_of(responses))


def _of_frame(frame: Any, responses: Mapping[str, Response] | None) -> Start:
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
    goals = responses or {name: Objective(goal="maximize") for name in names}
    said += f"Made of {len(frame)} runs, each covariate over its own range: widen the ranges where more is possible."
    return Start("", space, goals, runs=frame, said=said, is_guessed=True)


def _response_of(frame: Any) -> str:
    columns = [str(column) for column in frame.columns]
    if RESPONSE in columns:
        return RESPONSE
    about = {*ABOUT, STATUS, FAILED_BECAUSE, STOPPED_STEP, EXCLUDED, SD}
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
        said, text = separated(path.read_text(encoding="utf-8-sig"))
        header = text.lstrip().partition("\n")[0]
        delimiter = said or max(DELIMITERS, key=header.count)
        frame = pd.read_csv(StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, skipinitialspace=True)
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        raise InvalidInputError(
            f"{path} is not a table of runs: write a header line, then a line for each run"
        ) from None
    return _with_numbers(frame, path, usual_sign(delimiter))


def _with_numbers(frame: Any, path: Path, usual: DecimalSign | None) -> Any:
    """Make numbers of the columns that hold nothing else; they share a decimal sign, which their cells decide."""
    numeric = [
        column
        for column in frame.columns
        if column not in _ABOUT_RUNS
        and all(readings_of(text.strip()) for text in frame[column] if not is_nothing(text))
        and not all(map(is_nothing, frame[column]))
    ]
    try:
        sign = decimal_sign(_cells(frame, numeric), usual, "write one of the numbers with another number of decimals")
    except UndecidedError as error:
        cell, message = error.problems[0]
        raise InvalidInputError(f"{path}, {cell.place}, column {cell.column}: {cell.text} {message}") from None
    return frame.assign(
        **{
            str(column): [_value(text.strip(), sign if column in numeric else None) for text in frame[column]]
            for column in frame.columns
        }
    )


def _cells(frame: Any, columns: Sequence[str]) -> Iterator[Cell]:
    for column in columns:
        for line, text in enumerate(frame[column], start=2):
            if not is_nothing(text):
                yield Cell(f"line {line}", column, text.strip())


def _value(text: str, sign: DecimalSign | None) -> float | int | str | None:
    """Read a cell: of a column of numbers, if there is a decimal sign, else of one of texts."""
    if sign is None:
        return text or None
    if is_nothing(text):
        return None
    number = number_of(text, sign)
    return int(number) if number is not None and number.is_integer() and text.lstrip("+-").isdecimal() else number

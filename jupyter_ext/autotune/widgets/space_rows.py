"""The rows of the space editor: one for each covariate, response and constraint."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from ipywidgets import Button, Layout, Text

from autotune.errors import InvalidInputError
from autotune.inputs.descriptors import described
from autotune.inputs.guessing import with_guess
from autotune.inputs.linear_text import parsed_linear
from autotune.values import exact_text
from autotune.widgets.form import Field, chosen, row, ticked
from autotune.widgets.form import typed as typed_at_leaving
from autotune_wire.numerals import number_of
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import Objective, Response, Target
from autotune_wire.space import CatCovariate, Covariate

KINDS = (("real number", "cont"), ("whole number", "int"), ("options", "cat"))
ROLES = (("chosen for me", "design"), ("context, known when asking", "context"), ("fidelity", "fidelity"))
GOALS = (
    ("maximize", "maximize"),
    ("minimize", "minimize"),
    ("bring to", "match"),
    ("at least", ">="),
    ("at most", "<="),
)
typed = partial(typed_at_leaving, is_live=True)
Wrong = tuple[Field | None, str]
"""A field of the form, None for the form as a whole, and what is wrong there."""
_NUMERIC = ("min", "max", "step", "log")
_OF_OPTIONS = ("options", "descriptors", "ordered")
_BAR = re.compile(r"(?<!\\)\|")
"""What parts two options; a bar within an option is written with a backslash."""


class Row:
    """One row: fields beside each other, and a button that takes the row away.

    Args:
        fields: The inputs by the names of their fields.
        changed: Called after each change of an input.
        remove: Called with the row by the button.
        what: What the row holds, for the help of the button.
    """

    def __init__(
        self, fields: Mapping[str, Any], changed: Callable[[], None], remove: Callable[[Any], None], what: str
    ) -> None:
        self.fields = {name: Field(name, given) for name, given in fields.items()}
        self.remove_button = Button(
            description="Remove", tooltip=f"remove this {what}", layout=Layout(width="auto", margin="21px 0 0 4px")
        )
        self.remove_button.on_click(lambda _clicked: remove(self))
        for field in self.fields.values():
            field.input.observe(lambda _change: changed(), "value")
        self.box = row([*(field.box for field in self.fields.values()), self.remove_button])

    def text(self, name: str) -> str:
        """Return what was typed into a field."""
        return self.fields[name].text

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed into the row."""
        return not any(isinstance(field.input, Text) and field.text for field in self.fields.values())


class CovariateRow(Row):
    """One covariate. What the row has no field for, such as ``active_if``, is kept as it came.

    Descriptors of options come from a CSV file with a row for each option; those that came are kept until one is named.

    Args:
        changed: Called after each change of an input.
        remove: Called with the row by the button.
        name: The name of the covariate.
        covariate: What the row shows at first; None for nothing.
        is_guessed: Whether nobody gave the covariate's guess, so that the row leaves it open.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        remove: Callable[[Any], None],
        name: str = "",
        covariate: Covariate | None = None,
        is_guessed: bool = False,
    ) -> None:
        self._kept = {} if covariate is None else covariate.model_dump(include={"active_if"}, exclude_none=True)
        numeric = None if isinstance(covariate, CatCovariate) else covariate
        options = covariate if isinstance(covariate, CatCovariate) else None
        self._descriptors = None if options is None else options.descriptors
        texts = [] if options is None else [_escaped(exact_text(option)) for option in options.options]
        guess = "" if covariate is None or is_guessed else exact_text(covariate.guess)
        fields = {
            "name": typed("Name", name, "150px", "temperature"),
            "vtype": chosen("Kind", KINDS, "cont" if covariate is None else covariate.vtype),
            "min": typed("From", exact_text(numeric.min) if numeric is not None else "", "90px"),
            "max": typed("To", exact_text(numeric.max) if numeric is not None else "", "90px"),
            "step": typed("Step", exact_text(numeric.step) if numeric is not None and numeric.step else "", "80px"),
            "log": ticked("Log scale", numeric is not None and numeric.log, "85px"),
            "options": typed("Options", " | ".join(texts), "230px", "red | blue"),
            "descriptors": typed(
                "Numbers known of each", "", "170px", "solvents.csv" if self._descriptors is None else "as they are"
            ),
            "ordered": ticked("A scale", options is not None and options.ordered),
            "unit": typed("Unit", "" if covariate is None else covariate.unit or "", "70px", "°C"),
            "guess": typed("First guess", guess, "90px", "middle"),
            "role": chosen("Role", ROLES, "design" if covariate is None else covariate.role, "150px"),
        }
        super().__init__(fields, changed, remove, "covariate")
        self.fields["vtype"].input.observe(lambda _change: self._show_kind(), "value")
        self._show_kind()

    @property
    def name(self) -> str:
        """The covariate's name."""
        return self.text("name")

    def read(self) -> dict[str, Any]:
        """Build the covariate's description as far as it is typed, without a guess if none is.

        Raises:
            InvalidInputError: If a number is none; the field is the row's own, such as ``min``.
        """
        vtype = self.fields["vtype"].input.value
        found: dict[str, Any] = {"vtype": vtype, **self._kept}
        if vtype == "cat":
            found |= self._options()
        else:
            found |= {name: self._number(name) for name in ("min", "max", "step") if self.text(name)}
            found |= {"log": True} if self.fields["log"].input.value else {}
        role = self.fields["role"].input.value
        found |= {"role": role} if role != "design" else {}
        found |= {"unit": self.text("unit")} if self.text("unit") else {}
        if self.text("guess"):
            found["guess"] = self._guess(vtype, found.get("options", []))
        return found

    def _options(self) -> dict[str, Any]:
        parts = [part.strip().replace(r"\|", "|") for part in _BAR.split(self.text("options"))]
        texts = [text for text in parts if text]
        if self.text("descriptors"):
            return self._described(texts)
        if not self.fields["ordered"].input.value:
            return {"options": texts} | ({} if self._descriptors is None else {"descriptors": self._descriptors})
        numbers = [_whole(number) for text in texts if (number := number_of(text, ".")) is not None]
        return {"options": numbers if len(numbers) == len(texts) else texts, "ordered": True}

    def _described(self, options: list[str]) -> dict[str, Any]:
        given = {"options": options} if options else {}
        try:
            read = described(given | {"descriptors": self.text("descriptors")})
        except ValueError as error:
            problem = FieldProblem(field="descriptors", message=str(error), value=self.text("descriptors"))
            raise InvalidInputError("this covariate is not valid:", [problem]) from None
        return {name: read[name] for name in ("options", "descriptors")}

    def _guess(self, vtype: str, options: list[Any]) -> Any:
        if vtype != "cat":
            return self._number("guess")
        named = {exact_text(option): option for option in options}
        return named.get(self.text("guess"), self.text("guess"))

    def _number(self, name: str) -> float | int:
        number = self.fields[name].number()
        assert number is not None, "only fields with a text are read"
        return _whole(number)

    def _show_kind(self) -> None:
        is_options = self.fields["vtype"].input.value == "cat"
        for names, is_shown in ((_NUMERIC, not is_options), (_OF_OPTIONS, is_options)):
            for name in names:
                self.fields[name].box.layout.display = None if is_shown else "none"
        self.fields["guess"].input.placeholder = "first" if is_options else "middle"


class ResponseRow(Row):
    """One response with its goal."""

    def __init__(
        self,
        changed: Callable[[], None],
        remove: Callable[[Any], None],
        name: str = "",
        goal: Response | None = None,
    ) -> None:
        number = getattr(goal, "target", getattr(goal, "bound", None))
        fields = {
            "name": typed("Name", name, "160px", "yield"),
            "goal": chosen("Goal", GOALS, "maximize" if goal is None else goal.goal),
            "value": typed("Value", "" if number is None else exact_text(number), "110px"),
        }
        self._reference = goal.reference if isinstance(goal, Objective | Target) else None
        super().__init__(fields, changed, remove, "response")
        self.fields["goal"].input.observe(lambda _change: self._show_value(), "value")
        self._show_value()

    @property
    def name(self) -> str:
        """The response's name."""
        return self.text("name")

    def read(self) -> dict[str, Any]:
        """Build the response's goal as far as it is typed.

        Raises:
            InvalidInputError: If the value is no number; the field is ``value``.
        """
        goal = self.fields["goal"].input.value
        found: dict[str, Any] = {"goal": goal}
        if goal in {"maximize", "minimize"}:
            return found | ({} if self._reference is None else {"reference": self._reference})
        if self.text("value"):
            found["target" if goal == "match" else "bound"] = self.fields["value"].number()
        return found

    def field_of(self, part: str) -> Field:
        """Return the field that a part of the contract's goal is typed into."""
        return self.fields[{"target": "value", "bound": "value", "goal": "goal"}.get(part, "name")]

    def _show_value(self) -> None:
        is_needed = self.fields["goal"].input.value not in {"maximize", "minimize"}
        self.fields["value"].box.layout.display = None if is_needed else "none"


class ConstraintRow(Row):
    """One constraint, as a text."""

    def __init__(self, changed: Callable[[], None], remove: Callable[[Any], None], text: str = "") -> None:
        given = typed("Rule that every suggestion meets", text, "420px", "a + 2*b <= 1")
        super().__init__({"text": given}, changed, remove, "constraint")

    def parts(self, names: Collection[str]) -> list[Any]:
        """Return the constraints that the text makes: two where it has two bounds, none where it is empty."""
        return [] if self.is_empty else list(parsed_linear(self.text("text"), names))


def read_rows(rows: Sequence[CovariateRow] | Sequence[ResponseRow]) -> tuple[dict[str, Any], list[Wrong]]:
    """Read rows by their names; rows that nothing was typed into are left out."""
    found: dict[str, Any] = {}
    wrong: list[Wrong] = []
    for one in rows:
        if one.is_empty:
            continue
        if one.name in found:
            wrong.append((one.fields["name"], "is the name of another row too; give it another one"))
        try:
            found[one.name] = one.read()
        except InvalidInputError as error:
            wrong.append((one.fields[error.errors[0].field], error.errors[0].message))
    return found, wrong


def guessed(covariate: dict[str, Any]) -> dict[str, Any]:
    """Return a description with a guess, once it is complete enough for one."""
    is_complete = bool(covariate.get("options")) if covariate["vtype"] == "cat" else {"min", "max"} <= set(covariate)
    return with_guess(covariate) if is_complete else covariate


def longest(rows: Sequence[Any], rest: str) -> Any:
    """Return the row whose name a path begins with; names may hold points, so the longest counts."""
    fits = [one for one in rows if not one.is_empty and f"{rest}.".startswith(f"{one.name}.")]
    return max(fits, key=lambda one: len(one.name), default=None)


def _escaped(option: str) -> str:
    return option.replace("|", r"\|")


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() else number

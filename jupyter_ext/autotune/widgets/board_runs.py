"""The last runs of the board, in cells that are corrected by typing over them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from autotune.experiment import Experiment
from autotune.values import value_text
from autotune.views.goals import NAMELESS
from autotune.views.shown import Observation, labelled, stopped_text
from autotune.widgets.board_table import TableOfRuns
from autotune.widgets.form import read_number, wrong_field
from autotune_wire.base import Value
from autotune_wire.responses import RESPONSE
from autotune_wire.space import CatCovariate

Cell = tuple[str, str]
"""Whether a cell holds a covariate, a response or what was noted: ``covars``, ``responses`` or ``noted``; its name."""

NOTED = (("noted", "note"), ("noted", "tags"))
"""The cells of a run that are no measurement."""
N_LEFT = 100
"""So many runs that left the list last are still known: what was typed into one may be underway from the page."""


class RunCell:
    """A cell of a run.

    Attributes:
        name: The cell's name in errors.
        stored: The value that the service has.
        typed: What was typed over the value; None if nothing was.
        error: What is wrong with what was typed.
    """

    def __init__(self, name: str, stored: str) -> None:
        self.name, self.stored = name, stored
        self.typed: str | None = None
        self.error = ""

    @property
    def text(self) -> str:
        """What the cell shows, without blanks around it."""
        return self.stored if self.typed is None else self.typed.strip()

    def type_over(self, text: str) -> None:
        """Take what was typed; the value itself is no change."""
        self.typed, self.error = text if text.strip() != self.stored else None, ""

    def number(self) -> float | None:
        """Read the number that the cell shows, as ``Field.number`` does."""
        return read_number(self.name, self.text)


class Switch:
    """The button of a run; ``Form.do`` shows on it that its action is at work, as on a button of ipywidgets.

    Args:
        press: What a click does.
        draw: Draws the table anew.
    """

    def __init__(self, press: Callable[[], None], draw: Callable[[], None]) -> None:
        self.click, self._draw = press, draw
        self.description = ""
        self.is_busy = False

    def add_class(self, _name: str) -> None:
        """Show that the action is at work."""
        self.is_busy = True
        self._draw()

    def remove_class(self, _name: str) -> None:
        """Show that the action has ended."""
        self.is_busy = False
        self._draw()


class RunRow:
    """One run, with a cell for each covariate and each response.

    Args:
        experiment: The experiment.
        number: The number of the run.
        observation: The run as it was fetched.
        switch: Called with the row by its button.
        draw: Draws the table anew.

    Attributes:
        number: The number of the run.
        observation: The run as it was fetched.
        cells: Its cells.
        switch: The button that excludes the run, or restores it.
    """

    def __init__(
        self,
        experiment: Experiment,
        number: int,
        observation: Observation,
        switch: Callable[["RunRow"], None],
        draw: Callable[[], None],
    ) -> None:
        self.number = number
        self._space, self._responses = experiment.covars, experiment.responses
        self._draw = draw
        self.cells = {cell: RunCell(f"{number}.{cell[1]}", "") for cell in _cells_of(experiment)}
        self.switch = Switch(lambda: switch(self), draw)
        self.show(observation)

    def show(self, observation: Observation, kept: Collection[Cell] = ()) -> None:
        """Show the run as it is now, in all cells but those that are kept as they are."""
        self.observation = observation
        for cell, field in self.cells.items():
            field.stored = self._stored(*cell)
            if cell not in kept:
                field.typed, field.error = None, ""
        self.switch.description = "Restore" if observation.is_excluded else "Exclude"

    def shown(self) -> dict[str, Any]:
        """Return the row as ``TableOfRuns`` takes it."""
        run, cells = self.observation, list(self.cells.values())
        state = run.status if run.stopped_step is None else stopped_text(run.stopped_step, run.stopped_value)
        return {
            "number": self.number,
            "stored": [field.stored for field in cells],
            "typed": {str(place): field.typed for place, field in enumerate(cells) if field.typed is not None},
            "wrong": {str(place): field.error for place, field in enumerate(cells) if field.error},
            "state": "excluded" if run.is_excluded else state,
            "because": run.failed_because or "",
            "teller": run.teller or "",
            "switch": self.switch.description,
            "does": f"{'restore' if run.is_excluded else 'exclude'} run {self.number}",
            "is_busy": self.switch.is_busy,
        }

    @property
    def changed(self) -> list[Cell]:
        """The cells that were typed over."""
        return [cell for cell, field in self.cells.items() if field.text != field.stored]

    @property
    def is_corrected(self) -> bool:
        """Whether a cell of the measurement was typed over."""
        return any(cell not in NOTED for cell in self.changed)

    def noted(self) -> dict[str, Any]:
        """Build the arguments of ``Experiment.note`` from the cells that were typed over; empty if none of them was."""
        typed = {name: self.cells[part, name].text for part, name in self.changed if part == "noted"}
        if "tags" in typed:
            return typed | {"tags": [tag.strip() for tag in typed["tags"].split(",") if tag.strip()]}
        return typed

    def say(self, text: str) -> None:
        """Show what is wrong beside the first cell that was typed over."""
        self.cells[next(iter(self.changed), next(iter(self.cells)))].error = text
        self._draw()

    def take(self, stored: Observation, saved: Collection[str] = ()) -> None:
        """Show the run as it was stored; what was typed over stays in the cells that are not of the saved parts."""
        self.show(stored, [cell for cell in self.changed if cell[0] not in saved])
        self._draw()

    def correction(self) -> dict[str, Any]:
        """Build the arguments of ``Experiment.correct`` from the cells that were typed over.

        Raises:
            InvalidInputError: If a cell holds no number where a number belongs.
        """
        changed = self.changed
        found: dict[str, Any] = {}
        if any(part == "covars" for part, _name in changed):
            typed = {name: self._covariate(name) for part, name in changed if part == "covars"}
            values = {**self.observation.covars, **typed}
            found["covars"] = {name: value for name, value in values.items() if value is not None}
        over = [name for part, name in changed if part == "responses"]
        if over:
            read = {name: self.cells["responses", name].number() for name in over}
            if not any(value is not None for value in {**self.observation.responses, **read}.values()):
                raise wrong_field(f"{self.number}.{over[0]}", "must not be empty: type a number, or exclude the run")
            found["response"] = read if len(self._responses) > 1 else read[over[0]]
        return found

    def _stored(self, part: str, name: str) -> str:
        if part == "noted":
            return ", ".join(self.observation.tags) if name == "tags" else (self.observation.note or "").strip()
        values = self.observation.covars if part == "covars" else self.observation.responses
        return value_text(values[name]) if name in values else ""

    def _covariate(self, name: str) -> Any:
        field, covariate = self.cells["covars", name], self._space[name]
        if isinstance(covariate, CatCovariate):
            return _option(field, covariate)
        number = field.number()
        return int(number) if number is not None and number.is_integer() else number


class RunTable:
    """The runs below each other, newest first, as far as they are listed, typed over, or somebody is in their cells.

    Args:
        experiment: The experiment.
        switch: Called with a row by its button.

    Attributes:
        widget: The table in the page.
    """

    def __init__(self, experiment: Experiment, switch: Callable[[RunRow], None]) -> None:
        self._experiment, self._switch = experiment, switch
        self._known: dict[int, RunRow] = {}
        self._listed: Collection[int] = ()
        self._entered: int | None = None
        self.widget = TableOfRuns(columns=_columns(experiment), widths=_widths(experiment))
        self.widget.on_event(self._hear)

    @property
    def rows(self) -> list[RunRow]:
        """The rows that are shown, newest run first."""
        shown = {*self._listed, self._entered}
        rows = [one for one in self._known.values() if one.number in shown or one.changed]
        return sorted(rows, key=lambda one: one.number, reverse=True)

    def show(self, runs: Mapping[int, Observation]) -> None:
        """Show these runs, and the rows that were typed over; what was typed stays."""
        for number, run in runs.items():
            one = self._known.pop(number, None) or self._new_row(number, run)
            if not one.changed and one.observation != run:
                one.show(run)
            self._known[number] = one  # behind all that left the list before it
        self._listed = runs.keys()
        shown = {one.number for one in self.rows}
        for number in [number for number in self._known if number not in shown][:-N_LEFT]:
            del self._known[number]
        self.draw()

    def draw(self) -> None:
        """Draw all rows by one message, or by none if they are drawn as they are."""
        self.widget.rows = [one.shown() for one in self.rows]

    def _new_row(self, number: int, run: Observation) -> RunRow:
        return RunRow(self._experiment, number, run, self._switch, self.draw)

    def _hear(self, event: Mapping[str, Any]) -> None:
        one = self._known.get(event["number"])
        match event["event"], one:
            case _, None:
                return
            case "switch", RunRow():
                one.switch.click()
            case "typed", RunRow():
                [*one.cells.values()][event["place"]].type_over(event["text"])
            case "entered", RunRow():
                self._entered = one.number
            case "left", RunRow() if self._entered == one.number:
                self._entered = None
        self.draw()


def _cells_of(experiment: Experiment) -> list[Cell]:
    """Return the cells that each run of an experiment has, from left to right."""
    measured = [("covars", name) for name in experiment.covars] + [("responses", name) for name in experiment.responses]
    return [*measured, *NOTED]


def _columns(experiment: Experiment) -> list[dict[str, str]]:
    units = {("covars", name): covariate.unit for name, covariate in experiment.covars.items()}
    names = {cell: _shown(cell[1]) for cell in _cells_of(experiment)}
    return [{"name": name, "label": labelled(name, units.get(cell))} for cell, name in names.items()]


def _widths(experiment: Experiment) -> str:
    n_cells = len(experiment.covars) + len(experiment.responses)
    return f"40px repeat({n_cells}, minmax(84px, 130px)) minmax(130px, 220px) minmax(84px, 130px) 74px max-content"


def _option(field: RunCell, covariate: CatCovariate) -> Value | None:
    """Return the option that was typed; a number may be typed as any number is."""
    found = next((option for option in covariate.options if field.text in {str(option), value_text(option)}), None)
    if found is not None or any(isinstance(option, str) for option in covariate.options):
        return found if found is not None else field.text or None
    number = field.number()
    return next((option for option in covariate.options if option == number), number)


def _shown(name: str) -> str:
    return NAMELESS if name == RESPONSE else name

"""The last runs of the board, in cells that are corrected by typing over them."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from ipywidgets import HTML, Button, GridBox, Layout, Text

from autotune.experiment import Experiment
from autotune.values import value_text
from autotune.views.goals import NAMELESS
from autotune.views.shown import Observation, labelled
from autotune.widgets.form import Field, wrong_field
from autotune.widgets.style import block
from autotune_wire.responses import RESPONSE
from autotune_wire.space import CatCovariate

Cell = tuple[str, str]
"""Whether a cell holds a covariate, a response or what was noted: ``covars``, ``responses`` or ``noted``; its name."""

NOTED = (("noted", "note"), ("noted", "tags"))
"""The cells of a run that are no measurement."""


class Looks:
    """The layouts and styles of the cells, shared by rows: each of its own is one more message to the page."""

    def __init__(self) -> None:
        html, text = HTML(), Text(layout=Layout(width="100%"))
        button = Button(layout=Layout(width="auto"))
        self._html = {"layout": html.layout, "style": html.style}
        self.text = {"layout": text.layout, "style": text.style}
        self.button = {"layout": button.layout, "style": button.style}
        self.field = Layout(overflow="visible", min_width="0")
        for model in (html, text, button):
            model.close()

    def html(self, value: str = "") -> Any:
        """Make an HTML of these looks."""
        return HTML(value, **self._html)


class RunRow:
    """One run, with a cell for each covariate and each response.

    Attributes:
        number: The number of the run.
        observation: The run as it was fetched.
        cells: The inputs.
        switch: The button that excludes the run, or restores it.
    """

    def __init__(
        self,
        experiment: Experiment,
        number: int,
        observation: Observation,
        switch: Callable[["RunRow"], None],
        looks: Looks,
    ) -> None:
        self.number, self.observation = number, observation
        self._space, self._responses = experiment.covars, experiment.responses
        names = [("covars", name) for name in experiment.covars]
        names += [*(("responses", name) for name in experiment.responses), *NOTED]
        self.cells = {(part, name): self._cell(part, name, looks) for part, name in names}
        self.switch = Button(**looks.button)
        self.switch.on_click(lambda _clicked: switch(self))
        self._number, self._state = looks.html(), looks.html()
        self.show(number, observation)

    def show(self, number: int, observation: Observation) -> None:
        """Show a run in the place of what the row showed, also of what was typed over it.

        A row of new widgets costs the page a hundred times as much as new values do.
        """
        is_other = number != self.number
        self.number, self.observation = number, observation
        self._number.value = block(f"<b>{number}</b>")
        for (part, name), field in self.cells.items():
            field.name, field.input.tooltip = f"{number}.{name}", f"{_shown(name)} of run {number}"
            value = self._stored(part, name)
            if is_other and field.input.value == value:
                field.input.value = f"{value} "  # the page keeps what is being typed where a value stays the same
            field.input.value = value
            field.say("")
        label = "Restore" if observation.is_excluded else "Exclude"
        self.switch.description, self.switch.tooltip = label, f"{label.lower()} run {number}"
        state = "excluded" if observation.is_excluded else observation.status
        because = escape(observation.failed_because or "", quote=True)
        teller = f'<div class="atw-soft">told by {escape(observation.teller)}</div>' if observation.teller else ""
        self._state.value = block(
            f'<span class="atw-soft" title="{because}">{state}</span><div>{because}</div>{teller}'
        )

    @property
    def parts(self) -> list[Any]:
        """The widgets of the row, from left to right."""
        return [self._number, *(cell.box for cell in self.cells.values()), self._state, self.switch]

    @property
    def changed(self) -> list[Cell]:
        """The cells that were typed over."""
        return [cell for cell, field in self.cells.items() if field.text != self._stored(*cell)]

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
        self.cells[next(iter(self.changed), next(iter(self.cells)))].say(text)

    def take(self, stored: Observation) -> None:
        """Show the measurement as it was stored; a note that was typed over stays."""
        self.observation = stored
        for (part, name), field in self.cells.items():
            if part != "noted":
                field.input.value = self._stored(part, name)

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
            measured = {**self.observation.responses, **read}
            kept = {name: value for name, value in measured.items() if value is not None}
            if not kept:
                raise wrong_field(f"{self.number}.{over[0]}", "must not be empty: type a number, or exclude the run")
            found["response"] = kept if len(self._responses) > 1 else kept[over[0]]
            sds = {name: sd for name, sd in self.observation.sds.items() if name in kept and name not in over}
            found |= {"sd": sds} if sds else {}
        return found

    def _cell(self, part: str, name: str, looks: Looks) -> Field:
        given = Text(value=self._stored(part, name), continuous_update=False, **looks.text)
        return Field(f"{self.number}.{name}", given, looks.html(), looks.field)

    def _stored(self, part: str, name: str) -> str:
        if part == "noted":
            return ", ".join(self.observation.tags) if name == "tags" else (self.observation.note or "").strip()
        values = self.observation.covars if part == "covars" else self.observation.responses
        return value_text(values[name]) if name in values else ""

    def _covariate(self, name: str) -> Any:
        field, covariate = self.cells["covars", name], self._space[name]
        if isinstance(covariate, CatCovariate):
            return next((option for option in covariate.options if str(option) == field.text), field.text or None)
        number = field.number()
        return int(number) if number is not None and number.is_integer() else number


def renewed(rows: list[RunRow], runs: Mapping[int, Observation]) -> bool:
    """Show other runs in the rows, and say whether that was done.

    It is not where a row was typed over, or shows one of the runs already: a user may be in its cells, and what is
    typed next must not go to another run.
    """
    if len(rows) != len(runs) or any(row.changed or row.number in runs for row in rows):
        return False
    for row, (number, run) in zip(rows, runs.items(), strict=True):
        row.show(number, run)
    return True


def grid_of(experiment: Experiment, rows: list[RunRow], looks: Looks) -> Any:
    """Put rows below a header; the grid scrolls where there are many columns."""
    covars = [labelled(name, covariate.unit) for name, covariate in experiment.covars.items()]
    names = ["run", *covars, *map(_shown, experiment.responses), "note", "tags", "state", ""]
    header = [looks.html(block(f'<span class="atw-soft">{escape(name)}</span>')) for name in names]
    n_cells = len(names) - 3 - len(NOTED)
    columns = f"40px repeat({n_cells}, minmax(84px, 130px)) minmax(130px, 220px) minmax(84px, 130px) 74px max-content"
    layout = Layout(
        grid_template_columns=columns,
        grid_gap="2px 6px",
        overflow="auto",
        align_items="center",
        justify_content="flex-start",
    )
    return GridBox([*header, *(part for row in rows for part in row.parts)], layout=layout)


def _shown(name: str) -> str:
    return NAMELESS if name == RESPONSE else name

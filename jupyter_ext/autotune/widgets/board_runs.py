"""The last runs of the board, in cells that are corrected by typing over them."""

from collections.abc import Callable
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


class RunRow:
    """One run, with a cell for each covariate and each response.

    Attributes:
        number: The number of the run.
        observation: The run as it was fetched.
        cells: The inputs.
        switch: The button that excludes the run, or restores it.
    """

    def __init__(
        self, experiment: Experiment, number: int, observation: Observation, switch: Callable[["RunRow"], None]
    ) -> None:
        self.number = number
        self.observation = observation
        self._space, self._responses = experiment.covars, experiment.responses
        names = [("covars", name) for name in experiment.covars]
        names += [*(("responses", name) for name in experiment.responses), *NOTED]
        self.cells = {(part, name): self._cell(part, name) for part, name in names}
        label = "Restore" if observation.is_excluded else "Exclude"
        self.switch = Button(description=label, tooltip=f"{label.lower()} run {number}", layout=Layout(width="auto"))
        self.switch.on_click(lambda _clicked: switch(self))
        state = "excluded" if observation.is_excluded else observation.status
        because = escape(observation.failed_because or "", quote=True)
        self._state = HTML(block(f'<span class="atw-soft" title="{because}">{state}</span><div>{because}</div>'))

    @property
    def parts(self) -> list[Any]:
        """The widgets of the row, from left to right."""
        number = HTML(block(f"<b>{self.number}</b>"))
        return [number, *(cell.box for cell in self.cells.values()), self._state, self.switch]

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

    def _cell(self, part: str, name: str) -> Field:
        given = Text(
            value=self._stored(part, name),
            tooltip=f"{_shown(name)} of run {self.number}",
            continuous_update=False,
            layout=Layout(width="100%"),
        )
        field = Field(f"{self.number}.{name}", given)
        field.box.layout.min_width = "0"
        return field

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


def grid_of(experiment: Experiment, rows: list[RunRow]) -> Any:
    """Put rows below a header; the grid scrolls where there are many columns."""
    covars = [labelled(name, covariate.unit) for name, covariate in experiment.covars.items()]
    names = ["run", *covars, *map(_shown, experiment.responses), "note", "tags", "state", ""]
    header = [HTML(block(f'<span class="atw-soft">{escape(name)}</span>')) for name in names]
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

"""The last runs of the board, in cells that are corrected by typing over them."""

from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Any

from ipywidgets import HTML, Button, GridBox, Layout, Text

from autotune.experiment import Experiment
from autotune.values import value_text
from autotune.views.goals import NAMELESS
from autotune.views.shown import Observation, labelled, stopped_text
from autotune.widgets.form import Field, wrong_field
from autotune.widgets.style import block
from autotune_wire.base import Value
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
        button = Button()
        self._html = html.style
        self.text = {"layout": text.layout, "style": text.style}
        self.button = {"style": button.style}
        for model in (html, html.layout, text, button, button.layout):
            model.close()

    def html(self, layout: Any, value: str = "") -> Any:
        """Make an HTML of these looks."""
        return HTML(value, layout=layout, style=self._html)


class RunRow:
    """One run, with a cell for each covariate and each response.

    Attributes:
        number: The number of the run.
        observation: The run as it was fetched.
        cells: The inputs.
        switch: The button that excludes the run, or restores it.
        is_hidden: Whether the page does not show the row.
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
        self._layouts = Layout(), Layout(overflow="visible", min_width="0"), Layout(width="auto")
        html, cell, button = self._layouts
        self.cells = {(part, name): self._cell(part, name, looks, cell) for part, name in names}
        self.switch = Button(layout=button, **looks.button)
        self.switch.on_click(lambda _clicked: switch(self))
        self._number, self._state = looks.html(html), looks.html(html)
        self.is_hidden = False
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
        self._show_state()

    def place(self, order: int, *, is_hidden: bool = False) -> None:
        """Put the row into its place among the others, by the order of CSS, or hide it."""
        self.is_hidden = is_hidden
        for layout in self._layouts:
            layout.order, layout.display = str(order), "none" if is_hidden else None

    def _show_state(self) -> None:
        run = self.observation
        label = "Restore" if run.is_excluded else "Exclude"
        self.switch.description, self.switch.tooltip = label, f"{label.lower()} run {self.number}"
        because = escape(run.failed_because or "", quote=True)
        state = run.status if run.stopped_step is None else stopped_text(run.stopped_step, run.stopped_value)
        state = "excluded" if run.is_excluded else state
        teller = f'<div class="atw-soft">told by {escape(run.teller)}</div>' if run.teller else ""
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

    def take(self, stored: Observation, saved: Collection[str] = ()) -> None:
        """Show the run as it was stored; what was typed over stays in the cells that are not of the saved parts."""
        kept = {cell for cell in self.changed if cell[0] not in saved}
        self.observation = stored
        for cell, field in self.cells.items():
            if cell not in kept:
                field.input.value = self._stored(*cell)
        self._show_state()

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

    def _cell(self, part: str, name: str, looks: Looks, layout: Any) -> Field:
        given = Text(value=self._stored(part, name), continuous_update=False, **looks.text)
        return Field(f"{self.number}.{name}", given, layout=layout)

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
    """The runs below each other, newest first, in a grid that never makes a cell anew while somebody may be in it.

    The page makes all children of a grid anew that come behind one that was put in or taken out. So rows stay where
    they are among the children, and are put in order by their styles. A row whose run has left the list is hidden, and
    takes another run only at a later showing: if somebody was typing in it, the page sends what was typed when it hides
    the row, which then comes back.

    Args:
        experiment: The experiment.
        switch: Called with a row by its button.

    Attributes:
        grid: The widget.
    """

    def __init__(self, experiment: Experiment, switch: Callable[[RunRow], None]) -> None:
        self._experiment, self._switch, self._looks = experiment, switch, Looks()
        self._slots: list[RunRow] = []
        self._header = _header(experiment, self._looks)
        self.grid = _grid(experiment, self._header)

    @property
    def rows(self) -> list[RunRow]:
        """The rows that are shown, newest run first."""
        shown = [one for one in self._slots if not one.is_hidden]
        return sorted(shown, key=lambda one: one.number, reverse=True)

    def show(self, runs: Mapping[int, Observation]) -> None:
        """Show these runs, and the rows that were typed over; what was typed stays."""
        for one in self._slots:
            run = runs.get(one.number)
            if run is not None and not one.changed and one.observation != run:
                one.show(one.number, run)
        known = {one.number for one in self._slots}
        free = [one for one in self._slots if one.is_hidden and one.number not in runs and not one.changed]
        added = []
        for number in sorted(runs.keys() - known):
            if free:
                free.pop().show(number, runs[number])
            else:
                added.append(self._new_row(number, runs[number]))
        if added:
            self._slots += added
            self.grid.children = [*self._header, *(part for one in self._slots for part in one.parts)]
        for order, one in enumerate(sorted(self._slots, key=lambda one: -one.number), start=1):
            one.place(order, is_hidden=one.number not in runs and not one.changed)

    def _new_row(self, number: int, run: Observation) -> RunRow:
        added = RunRow(self._experiment, number, run, self._switch, self._looks)
        for field in added.cells.values():
            field.input.observe(lambda _change: self._sent(added), "value")
        return added

    def _sent(self, one: RunRow) -> None:
        if one.is_hidden and one.changed:
            one.place(len(self._slots))


def _header(experiment: Experiment, looks: Looks) -> list[Any]:
    layout = Layout()
    covars = [labelled(name, covariate.unit) for name, covariate in experiment.covars.items()]
    names = ["run", *covars, *map(_shown, experiment.responses), "note", "tags", "state", ""]
    return [looks.html(layout, block(f'<span class="atw-soft">{escape(name)}</span>')) for name in names]


def _grid(experiment: Experiment, header: list[Any]) -> Any:
    """Make the grid, which scrolls where there are many columns."""
    n_cells = len(experiment.covars) + len(experiment.responses)
    columns = f"40px repeat({n_cells}, minmax(84px, 130px)) minmax(130px, 220px) minmax(84px, 130px) 74px max-content"
    layout = Layout(
        grid_template_columns=columns,
        grid_gap="2px 6px",
        overflow="auto",
        align_items="center",
        justify_content="flex-start",
    )
    return GridBox(header, layout=layout)


def _option(field: Field, covariate: CatCovariate) -> Value | None:
    """Return the option that was typed; a number may be typed as any number is."""
    found = next((option for option in covariate.options if field.text in {str(option), value_text(option)}), None)
    if found is not None or any(isinstance(option, str) for option in covariate.options):
        return found if found is not None else field.text or None
    number = field.number()
    return next((option for option in covariate.options if option == number), number)


def _shown(name: str) -> str:
    return NAMELESS if name == RESPONSE else name

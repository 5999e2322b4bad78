"""The user's experiments: chosen from a list, opened, renamed, copied, closed and deleted."""

from ipywidgets import HTML, Layout, Select, VBox

from autotune.client import Client
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.views.shown import counted
from autotune.widgets.board import Board
from autotune.widgets.form import Form, lowered, require, row, typed, wrong_field
from autotune.widgets.space_editor import SpaceEditor
from autotune.widgets.style import block, styled, table, title

MAX_LISTED = 200
_HEADER = ("name", "created", "state", "runs", "best response")


class Experiments(Form):
    """A list of the user's experiments, newest first, with what can be done with each.

    Args:
        client: The client.

    Attributes:
        listed: The experiments that the list shows.
        chosen: The list.
        opened: The board or the editor that was opened last, shown below the list; None before.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        require(self, Client, client)
        self.client = client
        self.listed: list[Experiment] = []
        self._is_known = False
        self.opened: Board | SpaceEditor | None = None
        self._experiment: Experiment | None = None
        self.chosen = Select(options=[], description="Experiment", rows=8, layout=Layout(width="100%"))
        self.chosen.add_class("atw-above")
        self._head, self._below = HTML(), VBox()
        self._name = self.field("name", typed("Name, to rename to or to confirm a deletion", "", "420px"))
        self.open = self.button("Open", "show its board below", self._open, is_first=True)
        self.copy = self.button("Copy", "a new experiment with the same space", self._copy)
        self.rename = self.button("Rename", "give it the name typed above", self._rename)
        self.close = self.button("Close", "no more suggestions; nothing is lost", self._close)
        self.delete = self.button("Delete for good", "type its name first", self._delete)
        self.look_again = self.button("Look again", "fetch the list now", self._look)
        self.show(
            self._head,
            self.chosen,
            row([self.open, self.copy, self.close, self.look_again]),
            row([self._name.box, lowered(self.rename), lowered(self.delete)]),
            self.message,
            self._below,
        )
        self.do(self.look_again, self._look)

    def __repr__(self) -> str:
        return f"Experiments({self._said()})"

    @property
    def experiment(self) -> Experiment:
        """The experiment that was opened last.

        Raises:
            InvalidInputError: If none was opened yet.
        """
        if self._experiment is None:
            raise InvalidInputError("no experiment was opened yet: choose one and click Open")
        return self._experiment

    def still(self) -> str:
        """Write the list as HTML that needs no kernel."""
        rows = [cells_of(experiment) for experiment in self.listed]
        below = "" if self.opened is None else self.opened.still()
        return f"{styled(table(f'Experiments of {self.client.username}', _HEADER, rows))}{below}"

    def refresh(self) -> None:
        """Show the list as it was fetched last; what was chosen stays chosen."""
        before = self.chosen.index
        chosen = None if before is None else self.chosen.value
        options = [(_line(one), str(one.exp_uuid)) for one in self.listed]
        if list(self.chosen.options) != options:
            self.chosen.options = options
            uuids = [uuid for _text, uuid in options]
            self.chosen.index = uuids.index(chosen) if chosen in uuids else 0 if uuids else None
        self._head.value = block(title("Experiments", self._said()))
        for button in (self.open, self.copy, self.rename, self.close, self.delete):
            button.disabled = not self.listed

    def _said(self) -> str:
        if not self._is_known:
            return f"those of {self.client.username} are not known yet"
        more = f", the newest {MAX_LISTED}" if len(self.listed) == MAX_LISTED else ""
        return f"{counted(len(self.listed), 'experiment')} of {self.client.username}{more}"

    def _look(self) -> None:
        self.listed = list(self.client.list(MAX_LISTED))
        self._is_known = True

    def _chosen(self) -> Experiment:
        return next(one for one in self.listed if str(one.exp_uuid) == self.chosen.value)

    def _open(self) -> str:
        experiment = self._chosen()
        board = Board(experiment)
        board.follow()
        self._show(board)
        self._experiment = experiment
        return f"Opened {experiment.name}; in a cell it is the attribute experiment of this widget."

    def _copy(self) -> str:
        experiment = self._chosen()
        self._show(SpaceEditor(self.client, like=experiment))
        return f"A copy of {experiment.name} is described below; Create makes it."

    def _show(self, opened: Board | SpaceEditor) -> None:
        if isinstance(self.opened, Board):
            self.opened.close()
        self.opened = opened
        self._below.children = [opened.box]

    def _rename(self) -> str:
        experiment, name = self._chosen(), self._name.text
        if not name:
            raise wrong_field("name", "is missing: type the new name")
        before = experiment.name
        experiment.rename(name)
        self._name.input.value = ""
        return f"{before} is named {name} now."

    def _close(self) -> str:
        experiment = self._chosen()
        experiment.close()
        return f"Closed {experiment.name}; its board reopens it."

    def _delete(self) -> str:
        experiment, name = self._chosen(), self._name.text
        if name != experiment.name:
            raise wrong_field("name", f"must be {experiment.name} to delete it: nothing was deleted")
        experiment.delete(name)
        self._name.input.value = ""
        self.listed.remove(experiment)
        return f"Deleted {name} with {counted(experiment.n_observations, 'run')}."


def cells_of(experiment: Experiment) -> tuple[str, ...]:
    """Return what the list shows of an experiment: name, date, state, number of runs and best response."""
    facts = dict(experiment.facts())
    created = f"{experiment.time_created:%Y-%m-%d}"
    n_runs = counted(experiment.n_observations, "run")
    return experiment.name, created, facts["state"], n_runs, f"best {facts['best response']}"


def _line(experiment: Experiment) -> str:
    """Write an experiment on one line of the list, which has no room for the remark that follows a best of several."""
    *others, best = cells_of(experiment)
    return " · ".join([*others, best.partition("; the best in ")[0]])

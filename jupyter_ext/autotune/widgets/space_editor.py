"""A form that describes an experiment: covariates, responses and constraints, checked as they are typed."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ipywidgets import HTML, Checkbox, Layout, VBox

from autotune.client import Client
from autotune.errors import AutotuneError, InvalidInputError, NotFoundError
from autotune.experiment import Experiment
from autotune.inputs.candidates import read_rows as read_rows_of_list
from autotune.inputs.descriptions import new_experiment
from autotune.views.shown import counted
from autotune.widgets.form import Field, Form, chosen, require, row, typed
from autotune.widgets.magic_line import magic_line
from autotune.widgets.samples import draw_samples
from autotune.widgets.space_html import preview_html, space_still
from autotune.widgets.space_rows import (
    ConstraintRow,
    CovariateRow,
    ResponseRow,
    Row,
    Wrong,
    guessed,
    longest,
    read_rows,
)
from autotune.widgets.space_start import start_of
from autotune.widgets.style import alert, block, styled, title
from autotune_wire.experiments import NewExperiment
from autotune_wire.problems import FieldProblem
from autotune_wire.reports import EarlyStop
from autotune_wire.space import is_active

N_SAMPLES = 10
_RULES = {"median": "those below the median", "successive_halving": "all but the best share, step by step"}


class SpaceEditor(Form):
    """A form that creates an experiment.

    Args:
        client: The client that creates the experiment.
        like: What to start from: an experiment, a DataFrame of past runs or the path of a CSV file of them, whose
            columns become covariates; nothing if not given.
        responses: The responses with their goals, as ``Client.new`` takes them; with past runs, they are columns.
        candidates: A table of rows that every suggestion is to be one of, as ``Client.new`` takes it; a file can be
            named in the form.

    Attributes:
        line: The line of ``%autotune`` that does the same as the last click on Create; empty before.

    Raises:
        InvalidInputError: If ``like`` cannot be read.
    """

    def __init__(
        self,
        client: Client,
        like: Any = None,
        responses: Mapping[str, Any] | None = None,
        candidates: Any = None,
    ) -> None:
        super().__init__()
        require(self, Client, client)
        self.client = client
        self._experiment: Experiment | None = None
        self._created: NewExperiment | None = None
        self.line = ""
        start = start_of(like, responses)
        self._runs, self._kept = start.runs, start.kept
        self._about = HTML(alert(start.said, is_good=True))
        self._preview, self._line = HTML(), HTML()
        name = typed("Name of the experiment", start.name, "420px", "Suzuki coupling", is_live=True)
        self.name = self.field("name", name)
        self.name.input.observe(lambda _change: self._look(), "value")
        self._table = None if candidates is None else read_rows_of_list(candidates)
        hint = "any values, or plate.csv" if self._table is None else f"{self._table.subject}, or plate.csv"
        self.rows = self.field("candidates", typed("Only rows of this table", "", "420px", hint, is_live=True))
        self.rows.input.observe(lambda _change: self._look(), "value")
        self._covars, self._responses, self._constraints = VBox(), VBox(), VBox()
        self.covariates: list[CovariateRow] = []
        self.responses: list[ResponseRow] = []
        self.constraints: list[ConstraintRow] = []
        self.early_stop = _early_stop(start.early_stop)
        self.early_stop.observe(lambda _change: self._look(), "value")
        self.tell_runs = _tell_runs(0 if self._runs is None else len(self._runs))
        self._earlier = start.earlier
        self.learn = _learn(start.earlier)
        self.learn.observe(lambda _change: self._look(), "value")
        self._make_buttons()
        for name, covariate in start.covars.items() or [("", None)]:
            self._add(self.covariates, CovariateRow(self._look, self._remove, name, covariate, start.is_guessed))
        for name, goal in start.responses.items() or [("", None)]:
            self._add(self.responses, ResponseRow(self._look, self._remove, name, goal))
        for text in start.constraints:
            self._add(self.constraints, ConstraintRow(self._look, self._remove, text))
        self._lay_out()
        self._look()

    def __repr__(self) -> str:
        names = ", ".join(row.name for row in self.covariates if row.name)
        made = "" if self._experiment is None else f", created {self._experiment.exp_uuid}"
        return f"SpaceEditor({self.name.text!r}, covariates {names or 'none'}{made})"

    @property
    def experiment(self) -> Experiment:
        """The experiment that was created last.

        Raises:
            InvalidInputError: If none was created yet.
        """
        if self._experiment is None:
            raise InvalidInputError("no experiment was created yet: fill in the form and click Create")
        return self._experiment

    def still(self) -> str:
        """Write the space as HTML that needs no kernel."""
        new, _wrong = self._read()
        if new is None:
            return styled(title(self.name.text or "New experiment", "The description is not complete."))
        line = f"<pre>{escape(self.line)}</pre>" if self.line else ""
        return f"{space_still(new)}{line}"

    def clear(self) -> None:
        """Take away what was said, below the form and beside the fields."""
        super().clear()
        for field in self._row_fields():
            field.say("")

    def say_problems(self, problems: Iterable[FieldProblem]) -> list[FieldProblem]:
        """Show each problem in its row, and return those that no row has."""
        left = []
        for problem in problems:
            field = self._field_of(problem.field)
            if field is None:
                left.append(problem)
            else:
                field.say(problem.message)
        return left

    def _make_buttons(self) -> None:
        self.add_covariate = self.button(
            "Add a covariate", "another thing that can be set", lambda: self._more(self.covariates, CovariateRow)
        )
        self.add_response = self.button(
            "Add a response", "another thing that is measured", lambda: self._more(self.responses, ResponseRow)
        )
        self.add_constraint = self.button(
            "Add a rule", "a sum of covariates that is bounded", lambda: self._more(self.constraints, ConstraintRow)
        )
        self.create = self.button("Create", "create the experiment", self._create, is_first=True)

    def _lay_out(self) -> None:
        self.show(
            self.name.box,
            self._about,
            HTML(block("<b>Covariates: what can be set</b>")),
            self._covars,
            self.add_covariate,
            HTML(block("<b>Responses: what is measured</b> (empty: one without a name, maximized)")),
            self._responses,
            self.add_response,
            self._constraints,
            self.add_constraint,
            self.early_stop,
            self.rows.box,
            HTML(block(f"<b>{N_SAMPLES} samples drawn in this space</b>")),
            self._preview,
            row([self.create, self.tell_runs, self.learn]),
            self._line,
        )

    def _more(self, rows: list[Any], kind: Any) -> None:
        added = kind(self._look, self._remove)
        self._add(rows, added)
        next(iter(added.fields.values())).input.focus()

    def _add(self, rows: list[Any], added: Row) -> None:
        rows.append(added)
        self._show_rows()

    def _remove(self, removed: Row) -> None:
        for rows in (self.covariates, self.responses, self.constraints):
            if removed in rows:
                rows.remove(removed)  # type: ignore[arg-type]  # it is in this very list
        self._show_rows()
        self._look()

    def _show_rows(self) -> None:
        pairs = ((self._covars, self.covariates), (self._responses, self.responses))
        for box, rows in (*pairs, (self._constraints, self.constraints)):
            box.children = [one.box for one in rows]

    def _look(self) -> None:
        """Check what is typed, say what is wrong beside what was typed, and draw the preview."""
        self.clear()
        new, wrong = self._read()
        for field, message in wrong:
            if field is None:
                self.say(message)
            elif field.text:
                field.say(message)
        if new is None or wrong:
            is_missing = any(field is not None and not field.text for field, _message in wrong)
            self._preview.value = block(f"Shown once {'the rest is filled in' if is_missing else 'that is mended'}.")
        else:
            samples = _first_rows(new) or draw_samples(new.covars, new.constraints, N_SAMPLES)
            self._preview.value = preview_html(new, samples)
        self.keeper.keep()

    def _read(self) -> tuple[NewExperiment | None, list[Wrong]]:
        """Build the description from the form; where it is not valid, return what is wrong."""
        covars, wrong = read_rows(self.covariates)
        responses, wrong_responses = read_rows(self.responses)
        wrong += wrong_responses
        if wrong:
            return None, wrong
        try:
            table = read_rows_of_list(self.rows.text) if self.rows.text else self._table
        except InvalidInputError as error:
            return None, [(self.rows, str(error))]
        texts = [row.text("text") for row in self.constraints if not row.is_empty]
        made = [name for name, covariate in covars.items() if "guess" not in covariate]
        try:
            new = new_experiment(
                self.name.text,
                {name: guessed(covariate) for name, covariate in covars.items()},
                responses=responses or None,
                constraints=[*texts, *self._kept],
                made=made,
                learn_from=[self._earlier.exp_uuid] if self._earlier is not None and self.learn.value else None,
                early_stop=self.early_stop.value or None,
                candidates=table,
            )
            return new, [] if table is not None else self._broken_by_guess(new, made)
        except InvalidInputError as error:
            return None, [
                (field, problem.message if field is not None else f"{problem.field}: {problem.message}")
                for problem in error.errors
                for field in [self._field_of(problem.field)]
            ]

    def _broken_by_guess(self, new: NewExperiment, made: Sequence[str]) -> list[Wrong]:
        """List the constraints that the first guess violates, as the service would refuse it."""
        guess = {name: covariate.guess for name, covariate in new.covars.items()}
        active = {name: value for name, value in guess.items() if is_active(new.covars, name, guess)}
        fields = [row.fields["text"] for row in self.constraints for _part in row.parts(new.covars)]
        found: list[Wrong] = []
        for index, constraint in enumerate(new.constraints):
            if not constraint.holds(active):
                said = f"the first guess violates this rule: {constraint.violation(active)}"
                said += "; type first guesses that meet it" if made else ""
                found.append((fields[index] if index < len(fields) else None, said))
        return found

    def _create(self) -> str:
        new, wrong = self._read()
        if new is None or wrong:
            raise self._refusal(wrong)
        said: list[str] = []
        if self._is_created(new):
            said.append(f"{new.name} was created before: change its name, or what is above, to create another one.")
        else:
            self._experiment, self._created = self._new(new, said), new
            self.line = magic_line(new, self.rows.text or ("" if self._table is None else "TABLE"))
            self._line.value = block(f"The same as a line to keep:<pre>{escape(self.line)}</pre>")
            said.insert(0, f"Created {new.name}.")
        experiment = self.experiment
        if self._runs is not None and self.tell_runs.value:
            try:
                n_told = len(experiment.add_history(self._runs, say=said.append))
            except AutotuneError as error:
                error.add_note(f"{experiment.name} is created; its past runs are not all told.")
                raise
            said.append(f"{counted(n_told, 'run')} told.")
        return "\n".join(line.strip() for line in said)

    def _is_created(self, new: NewExperiment) -> bool:
        """Return whether the last click on Create made this very experiment, and it was not deleted since."""
        if self._experiment is None or new != self._created:
            return False
        try:
            self._experiment.state()
        except NotFoundError:
            return False
        return True

    def _new(self, new: NewExperiment, said: list[str]) -> Experiment:
        return self.client.new(
            new.name,
            {name: covariate.model_dump(exclude_unset=True) for name, covariate in new.covars.items()},
            responses=None
            if new.responses is None
            else {name: response.model_dump(exclude_unset=True) for name, response in new.responses.items()},
            constraints=new.constraints,
            learn_from=new.learn_from,
            early_stop=new.early_stop,
            candidates=new.candidates,
            say=said.append,
        )

    def _refusal(self, wrong: Sequence[Wrong]) -> InvalidInputError:
        for field, message in wrong:
            if field is not None:
                field.say(message)
        others = [message for field, message in wrong if field is None]
        return InvalidInputError("\n".join(others or ["Not created yet: see what is said beside the fields."]))

    def _row_fields(self) -> list[Field]:
        rows: list[Row] = [*self.covariates, *self.responses, *self.constraints]
        return [field for one in rows for field in one.fields.values()]

    def _field_of(self, path: str) -> Field | None:
        """Return the field that a path of the contract is typed into; None if there is none."""
        part, _, rest = path.partition(".")
        if path == "name":
            return self.name
        if part == "candidates":
            return self.rows
        if part == "constraints" and self.constraints:
            index = rest.partition(".")[0]
            filled = [row for row in self.constraints if not row.is_empty] or self.constraints
            return filled[min(int(index) if index.isdecimal() else 0, len(filled) - 1)].fields["text"]
        if part == "covars":
            covariate = longest(self.covariates, rest)
            field = rest.removeprefix(covariate.name).strip(".").partition(".")[0] if covariate is not None else ""
            return None if covariate is None else covariate.fields.get(field, covariate.fields["name"])
        response = longest(self.responses, rest) if part == "responses" else None
        return (
            None if response is None else response.field_of(rest.removeprefix(response.name).strip(".").split(".")[0])
        )


def _learn(earlier: Experiment | None) -> Any:
    """Make the box to tick if the new experiment is to learn from the one that it is like; without runs not shown."""
    display = "none" if earlier is None else None
    label = "" if earlier is None else f"Learn from the {counted(earlier.n_observations, 'run')} of {earlier.name}"
    return Checkbox(value=False, description=label, indent=False, layout=Layout(display=display))


def _early_stop(given: EarlyStop | None) -> Any:
    """Make the choice of a rule that stops runs early; one with options of its own can be kept as it is."""
    own = {} if given is None else given.model_dump(exclude_unset=True)
    options: list[tuple[str, Any]] = [("none", "")]  # the list shows nothing for an option that is None
    options += [(words, rule) for rule, words in _RULES.items() if own != {"rule": rule}]
    options += [] if given is None else [(f"{_RULES[given.rule]}, as before", own)]
    return chosen("Which runs that report are stopped early", options, own or "", "420px")


def _first_rows(new: NewExperiment) -> list[Any]:
    """Return the first rows of a list as configurations; none without a list."""
    rows = (new.candidates or [])[:N_SAMPLES]
    return [{name: row[name] for name in new.covars if row.get(name) is not None} for row in rows]


def _tell_runs(n_runs: int) -> Any:
    """Make the box to tick if the past runs are to be told too; without runs it is not shown."""
    display = None if n_runs else "none"
    label = f"Also tell the {counted(n_runs, 'past run')}"
    return Checkbox(value=n_runs > 0, description=label, indent=False, layout=Layout(display=display))

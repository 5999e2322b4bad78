"""A suggestion to take to the bench: what to run, where it came from, and fields for what was measured."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ipywidgets import HTML, Accordion, VBox

from autotune.errors import AutotuneError
from autotune.experiment import Experiment
from autotune.far_off import far_off_values
from autotune.values import number_text, value_text
from autotune.views.goals import NAMELESS, measured_text
from autotune.views.outdated import outdated_text
from autotune.views.shown import Suggestion, configuration_text, counted, labelled
from autotune.widgets.card_html import label_of_response, sheet_link, suggestion_html
from autotune.widgets.corrections import Corrections
from autotune.widgets.following import Follower
from autotune.widgets.form import Field, Form, chosen, counter, lowered, row, typed, wrong_field
from autotune.widgets.plate import SLIP, Plate
from autotune.widgets.style import alert, block, styled, title
from autotune_wire.base import Value
from autotune_wire.responses import RESPONSE
from autotune_wire.space import CatCovariate, Covariate
from autotune_wire.suggestions import MAX_ASK


class SuggestionCard(Form):
    """A card with the current suggestion, into which its outcome is typed.

    The card asks for a suggestion when it is made, and again after each that was told or skipped. From its first
    display until ``close`` it follows the experiment: where a run was corrected after the suggestion was computed, the
    card says so and offers a fresh one. The suggestion itself stays, as somebody may be at work on it.

    Args:
        experiment: The experiment.
        fixed: Values that the suggestions must have, as for ``Experiment.ask``. They can be changed on the card.

    Attributes:
        suggestion: The suggestion that is shown; None while there is none.
        plate: Several suggestions that were taken for a plate; None until some were.
    """

    def __init__(self, experiment: Experiment, fixed: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.experiment = experiment
        self.suggestion: Suggestion | None = None
        self.plate: Plate | None = None
        self._corrections = Corrections(experiment)
        self._follower: Follower[dict[int, int]] | None = None
        self._shown, self._outdated, self._print = HTML(), HTML(), HTML()
        self._responses = {
            name: self.field(f"responses.{name}", typed(label_of_response(name, goal), hint="0.93 or 0,93"))
            for name, goal in experiment.responses.items()
        }
        self._reason = self.field("reason", typed("Reason", hint="why it failed, or is not run", width="320px"))
        self._fixed = {
            name: self.field(f"fixed.{name}", _fixing(name, covariate, (fixed or {}).get(name)))
            for name, covariate in experiment.covars.items()
        }
        self.told = self.button("Told", "store what was measured", self._tell, is_first=True)
        self.failed = self.button("Failed because", "the run was made and gave no response", self._fail)
        self.skip = self.button("Skip because", "this suggestion will not be run; give a reason", self._skip)
        self.another = self.button("Another with these fixed", "ask with the values typed above", self._another)
        self.fresh = self.button("Fresh suggestion", "ask for one that knows the correction", self._another)
        self._n = self.field("n", counter("Runs", 8, MAX_ASK))
        self.take = self.button("Take for a plate", "take several suggestions, which nobody else gets", self._take)
        self._plate_box = VBox()
        self._lay_out()
        self.do(self.another, self._another)

    def __repr__(self) -> str:
        shown = "no suggestion" if self.suggestion is None else str(self.suggestion)
        return f"SuggestionCard({self.experiment.name!r}, {shown})"

    def still(self) -> str:
        """Write the suggestion as HTML that needs no kernel."""
        plate = "" if self.plate is None else self.plate.still()
        return f"{styled(self._suggestion_html())}{alert(self._outdated_text())}{plate}"

    def close(self) -> None:
        """Follow the experiment no more; what is shown stays."""
        if self._follower is not None:
            self._follower.close()

    def follow(self) -> None:
        """Follow the experiment from now on, unless the card does already; call this inside a cell."""
        if self._follower is None:
            fetch, see = self._corrections.fetch, self._corrections.see
            with suppress(RuntimeError):  # a terminal has no loop that draws later: what is shown stays as it is
                self._follower = Follower(self.experiment, fetch, self._draw, see)

    def _ipython_display_(self) -> None:
        self.follow()
        super()._ipython_display_()

    def _draw(self, found: dict[int, int] | AutotuneError) -> None:
        if isinstance(found, AutotuneError):
            return  # what is told and asked on the card says by itself what is wrong
        self._corrections.seq_by_run = found
        self.refresh()
        self.keeper.keep()

    def _outdated_text(self) -> str:
        """Write that the suggestion does not know a correction; empty if it does."""
        known = self._corrections.seq_by_run
        text = "" if self.suggestion is None else outdated_text(self.suggestion, known)
        return f"This suggestion was {text}. It can still be told." if text else ""

    def refresh(self) -> None:
        """Show the suggestion, and what can be done with it."""
        self._shown.value = self._suggestion_html()
        self._print.value = "" if self.suggestion is None else sheet_link(self.experiment, [self.suggestion])
        outdated = self._outdated_text()
        self._outdated.value = alert(outdated)
        self.fresh.layout.display = None if outdated else "none"
        for button in (self.told, self.failed, self.skip):
            button.disabled = self.suggestion is None

    def _lay_out(self) -> None:
        more = Accordion(
            [
                VBox([row([field.box for field in self._fixed.values()]), self.another]),
                VBox([row([self._n.box, lowered(self.take)]), self._plate_box]),
            ],
            titles=("Another with these fixed", "Several for a plate"),
            selected_index=0 if self._needs_context() else None,
        )
        self.show(
            self._shown,
            row([self._outdated, self.fresh]),
            row([field.box for field in self._responses.values()]),
            self.told,
            row([self._reason.box, lowered(self.failed), lowered(self.skip)]),
            self.message,
            self._print,
            more,
        )

    def _needs_context(self) -> bool:
        covars = self.experiment.covars
        return any(covars[name].role == "context" and not field.text for name, field in self._fixed.items())

    def _suggestion_html(self) -> str:
        if self.suggestion is None:
            return block(title(self.experiment.name, "There is no suggestion here now."))
        return suggestion_html(self.experiment, self.suggestion)

    def _another(self) -> None:
        self.suggestion = None
        self.suggestion = self.experiment.ask(fixed=self._fixed_values() or None)

    def _tell(self) -> str:
        suggestion = self._current()
        measured = {name: field.number() for name, field in self._responses.items()}
        found = {name: value for name, value in measured.items() if value is not None}
        if not found:
            name = next(iter(measured))
            raise wrong_field(f"responses.{name}", "is missing: type what was measured, or say that the run failed")
        told = self.experiment.tell(suggestion, found)
        goals = self.experiment.responses
        outcome = ", ".join(
            f"{NAMELESS if name == RESPONSE else name} {measured_text(told.responses[name], goals[name])}"
            for name in found
        )
        slips = [f"{text}. {SLIP}" for text in far_off_values(self.experiment, told, suggestion.predictions)]
        return self._next(" ".join([f"Told: {outcome}.", *told.notes, *slips]))

    def _fail(self) -> str:
        self.experiment.fail(self._current(), self._reason.text or None)
        return self._next("Told that the run failed: the model learns where runs fail.")

    def _skip(self) -> str:
        suggestion = self._current()
        if not self._reason.text:
            raise wrong_field("reason", "is missing: say why this suggestion is skipped")
        self.experiment.abandon(suggestion, self._reason.text)
        return self._next(f"Skipped {configuration_text(suggestion.covars, suggestion.units)}.")

    def _next(self, said: str) -> str:
        """Ask for the next suggestion; if that fails, what was done is said all the same."""
        for field in (*self._responses.values(), self._reason):
            field.input.value = ""
        self.suggestion = None
        try:
            self._another()
        except AutotuneError as error:
            error.add_note(said)
            raise
        return said

    def _take(self) -> str:
        taken = self.experiment.ask(self._n.input.value, fixed=self._fixed_values() or None)
        self.plate = Plate(self.experiment, taken)
        self._plate_box.children = [self.plate.box]
        said = f"Took {counted(len(taken), 'suggestion')}: nobody else gets them for a day."
        is_on_plate = self.suggestion is not None and self.suggestion.suggestion_uuid in {
            suggestion.suggestion_uuid for suggestion in taken
        }
        return self._next(said) if is_on_plate else said

    def _fixed_values(self) -> dict[str, Value]:
        covars = self.experiment.covars
        return {name: _value(field, covars[name]) for name, field in self._fixed.items() if field.text}

    def _current(self) -> Suggestion:
        assert self.suggestion is not None, "the buttons are disabled without a suggestion"
        return self.suggestion


def _fixing(name: str, covariate: Covariate, value: Any) -> Any:
    """Make the input of a value that suggestions must have; empty leaves the covariate free."""
    label = labelled(name, covariate.unit)
    if not isinstance(covariate, CatCovariate):
        shown = "" if value is None else value_text(value)
        return typed(label, shown, hint=f"any, {number_text(covariate.min)} to {number_text(covariate.max)}")
    options = [("any", ""), *((str(option), option) for option in covariate.options)]
    return chosen(label, options, "" if value is None else value, width="200px")


def _value(field: Field, covariate: Covariate) -> Value:
    if isinstance(covariate, CatCovariate):
        return covariate.option_of(field.input.value)
    number = field.number()
    assert number is not None, "only fields with a text are read"
    return int(number) if number.is_integer() else number

"""A suggestion to take to the bench: what to run, where it came from, and fields for what was measured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ipywidgets import HTML, Accordion, VBox

from autotune.errors import AutotuneError, InvalidInputError, ServiceError
from autotune.experiment import Experiment
from autotune.far_off import far_off_values
from autotune.values import number_text, value_text
from autotune.views.goals import NAMELESS, measured_text
from autotune.views.outdated import outdated_text
from autotune.views.shown import Suggestion, configuration_text, counted, labelled
from autotune.widgets.card_html import label_of_response, sheet_link, suggestion_html
from autotune.widgets.corrections import Corrections
from autotune.widgets.following import Follower
from autotune.widgets.form import Field, Form, chosen, counter, lowered, require, row, typed, wrong_field, wrong_fields
from autotune.widgets.plate import LEFT_OUT, SLIP, Plate
from autotune.widgets.style import alert, block, styled, title
from autotune_wire.base import Configuration, Value
from autotune_wire.frames import Event
from autotune_wire.responses import RESPONSE
from autotune_wire.space import CatCovariate, Covariate
from autotune_wire.suggestions import MAX_ASK

_TOLD, _NOT_PENDING = "already_told", "not_pending"


class SuggestionCard(Form):
    """A card with the current suggestion, into which its outcome is typed.

    The card asks for a suggestion when it is made, and again after each that was told or skipped. From its first
    display until ``close`` it follows the experiment: where a run was corrected after the suggestion was computed, or
    somebody else told the suggestion, the card says so and offers a fresh one. The suggestion itself stays, as somebody
    may be at work on it; what is told of it after somebody else is a run of its own.

    Args:
        experiment: The experiment.
        fixed: Values that the suggestions must have, as for ``Experiment.ask``. They can be changed on the card.

    Attributes:
        suggestion: The suggestion that is shown; None while there is none.
        plates: The suggestions that were taken for plates, the newest plate first; one that is all told goes with the
            next that is taken.
    """

    def __init__(self, experiment: Experiment, fixed: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        require(self, Experiment, experiment)
        self.experiment = experiment
        self.suggestion: Suggestion | None = None
        self.plates: list[Plate] = []
        self._told_first: tuple[str, str] = ("", "")
        self._left_out: list[str] = []
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
        for field in self._responses.values():
            self.enter(field, self.told)
        self._lay_out()
        self.do(self.another, self._another)

    def __repr__(self) -> str:
        shown = "no suggestion" if self.suggestion is None else str(self.suggestion)
        return f"SuggestionCard({self.experiment.name!r}, {shown})"

    @property
    def plate(self) -> Plate | None:
        """The plate that was taken last; None until one was."""
        return self.plates[0] if self.plates else None

    def still(self) -> str:
        """Write the suggestion as HTML that needs no kernel."""
        plates = "".join(plate.still() for plate in self.plates)
        return f"{styled(self._suggestion_html())}{alert(self._outdated_text())}{plates}"

    def close(self) -> None:
        """Follow the experiment no more; what is shown stays."""
        if self._follower is not None:
            self._follower.close()

    def follow(self) -> None:
        """Follow the experiment from now on, unless the card does already; call this inside a cell."""
        if self._follower is None:
            with suppress(RuntimeError):  # a terminal has no loop that draws later: what is shown stays as it is
                self._follower = Follower(self.experiment, self._corrections.fetch, self._draw, self._see)

    def _ipython_display_(self) -> None:
        self.follow()
        super()._ipython_display_()

    def _see(self, event: Event) -> None:
        self._corrections.see(event)
        uuid = str(event.data.get("suggestion_uuid"))
        if event.type == "observation_added" and self.suggestion and uuid == str(self.suggestion.suggestion_uuid):
            measured = self._outcome_text(event.data.get("responses") or {})
            self._told_first = uuid, f"was told already, with {measured or 'a failure'}"

    def _draw(self, found: dict[int, int] | AutotuneError) -> None:
        if isinstance(found, AutotuneError):
            return  # what is told and asked on the card says by itself what is wrong
        self._corrections.seq_by_run = found
        self.refresh()
        self.keeper.keep()

    def _outdated_text(self) -> str:
        """Write that somebody told the suggestion, or that it does not know a correction; empty if neither is so."""
        if first := self._first_text():
            return f"This suggestion {first}. What is told of it here becomes a run of its own."
        known = self._corrections.seq_by_run
        text = "" if self.suggestion is None else outdated_text(self.suggestion, known)
        return f"This suggestion was {text}. It can still be told." if text else ""

    def _first_text(self) -> str:
        """Write what somebody else told of the suggestion that is shown; empty if nobody did."""
        uuid, text = self._told_first
        return text if self.suggestion is not None and uuid == str(self.suggestion.suggestion_uuid) else ""

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
        self.suggestion = self.experiment.ask(fixed=self._fixed_values() or None)

    def _tell(self) -> str:
        found = self._measured()
        with self._told_by_nobody():
            told = self.experiment.tell(self._run(), found)
        predictions = self._current().predictions
        slips = [f"{text}. {SLIP}" for text in far_off_values(self.experiment, told, predictions)]
        outcome = self._outcome_text({name: told.responses[name] for name in found})
        return self._next(" ".join([f"Told: {outcome}.", *told.notes, *slips]))

    def _measured(self) -> dict[str, float]:
        """Read what was measured; a response that is left empty beside others is asked for once."""
        measured = {name: field.number() for name, field in self._responses.items()}
        found = {name: value for name, value in measured.items() if value is not None}
        if not found:
            name = next(iter(measured))
            raise wrong_field(f"responses.{name}", "is missing: type what was measured, or say that the run failed")
        empty = [name for name in measured if name not in found]
        if empty and empty != self._left_out:
            self._left_out = empty
            raise wrong_fields({f"responses.{name}": LEFT_OUT.format(button="Told") for name in empty})
        return found

    def _outcome_text(self, responses: Mapping[str, float]) -> str:
        goals = self.experiment.responses
        return ", ".join(
            f"{NAMELESS if name == RESPONSE else name} {measured_text(value, goals.get(name))}"
            for name, value in responses.items()
        )

    def _fail(self) -> str:
        with self._told_by_nobody():
            self.experiment.fail(self._run(), self._reason.text or None)
        return self._next("Told that the run failed: the model learns where runs fail.")

    def _run(self) -> Suggestion | Configuration:
        """Return what is told: the suggestion, or its values alone where somebody else has told it."""
        suggestion = self._current()
        return suggestion.covars if self._first_text() else suggestion

    @contextmanager
    def _told_by_nobody(self) -> Iterator[None]:
        """Say it if somebody else has told the suggestion meanwhile; the next click tells a run of its own."""
        try:
            yield
        except ServiceError as error:
            if error.code != _TOLD:
                raise
            text = next((problem.message for problem in error.errors), "was told already")
            self._told_first = str(self._current().suggestion_uuid), text
            raise InvalidInputError(
                "Not stored: see above what was told. Click again to store a run of its own."
            ) from None

    def _skip(self) -> str:
        suggestion = self._current()
        shown = configuration_text(suggestion.covars, suggestion.units)
        if self._first_text():
            return self._next(f"Left {shown}, which {self._first_text()}.")
        if not self._reason.text:
            raise wrong_field("reason", "is missing: say why this suggestion is skipped")
        try:
            self.experiment.abandon(suggestion, self._reason.text)
        except ServiceError as error:
            if error.code not in {_TOLD, _NOT_PENDING}:
                raise
            return self._next(f"Left {shown}, which waits for nobody any more.")
        return self._next(f"Skipped {shown}.")

    def _next(self, said: str) -> str:
        """Ask for the next suggestion; if that fails, what was done is said all the same."""
        for field in (*self._responses.values(), self._reason):
            field.input.value = ""
        self._left_out = []
        self.suggestion = None
        try:
            self._another()
        except AutotuneError as error:
            error.add_note(said)
            raise
        return said

    def _take(self) -> str:
        taken = self.experiment.ask(self._n.input.value, fixed=self._fixed_values() or None)
        waiting = [plate for plate in self.plates if not plate.is_done]
        self.plates = [Plate(self.experiment, taken), *waiting]
        self._plate_box.children = [plate.box for plate in self.plates]
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
    options = [("any", ""), *((value_text(option), option) for option in covariate.options)]
    return chosen(label, options, "" if value is None else value, width="200px")


def _value(field: Field, covariate: Covariate) -> Value:
    if isinstance(covariate, CatCovariate):
        return covariate.option_of(field.input.value)
    number = field.number()
    assert number is not None, "only fields with a text are read"
    return int(number) if number.is_integer() else number

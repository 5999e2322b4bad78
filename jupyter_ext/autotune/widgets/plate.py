"""Several suggestions that are run together, as on a plate: a row for each, with fields for what was measured."""

from collections.abc import Sequence
from html import escape

from ipywidgets import HTML, VBox

from autotune.errors import AutotuneError
from autotune.experiment import Experiment
from autotune.far_off import far_off_values
from autotune.views.shown import Suggestion, configuration_rows, counted
from autotune.widgets.card_html import label_of_response, sheet_link
from autotune.widgets.form import Field, Form, row, ticked, typed, wrong_field, wrong_fields
from autotune.widgets.style import block, styled, table

SLIP = "If it is a slip: experiment.undo(), or correct it on the Board."
LEFT_OUT = "is empty: type it in, or press {button} again to leave it out"
_TELL = "Tell what is filled in"


class Well:
    """One suggestion of a plate.

    Attributes:
        number: Its number on the plate, counted from 1.
        suggestion: The suggestion.
        responses: The fields for what was measured, by response.
        failed: A box to tick if the run gave no response.
        is_told: Whether its outcome is stored.
    """

    def __init__(self, number: int, suggestion: Suggestion, responses: dict[str, Field]) -> None:
        self.number = number
        self.suggestion = suggestion
        self.responses = responses
        self.failed = ticked(f"run {number} failed", width="130px")
        self.is_told = False

    @property
    def is_filled(self) -> bool:
        """Whether something was typed or ticked that is not stored yet."""
        return not self.is_told and (self.failed.value or any(field.text for field in self.responses.values()))

    def lock(self) -> None:
        """Take no more input: the outcome is stored."""
        self.is_told = True
        for given in (self.failed, *(field.input for field in self.responses.values())):
            given.disabled = True


class Plate(Form):
    """A table of suggestions that were taken; those that are filled in are told together.

    Args:
        experiment: The experiment.
        suggestions: The suggestions, at least one.

    Attributes:
        wells: A row for each suggestion.
    """

    def __init__(self, experiment: Experiment, suggestions: Sequence[Suggestion]) -> None:
        super().__init__()
        self.experiment = experiment
        self.wells = [self._well(number, suggestion) for number, suggestion in enumerate(suggestions, start=1)]
        self.tell = self.button(_TELL, "store the outcomes typed above", self._tell, is_first=True)
        self._left_out: set[str] = set()
        self.show(
            HTML(sheet_link(experiment, suggestions)),
            VBox([self._row(well) for well in self.wells]),
            self.tell,
        )

    def __repr__(self) -> str:
        n_told = sum(well.is_told for well in self.wells)
        return f"Plate({counted(len(self.wells), 'suggestion')}, {n_told} told)"

    def still(self) -> str:
        """Write the plate as HTML that needs no kernel."""
        rows = [
            (str(well.number), _values(well.suggestion), "told" if well.is_told else "waits for its result")
            for well in self.wells
        ]
        return styled(table("Suggestions taken for a plate", ("run", "values", "state"), rows))

    @property
    def is_done(self) -> bool:
        """Whether the outcome of every run is stored."""
        return all(well.is_told for well in self.wells)

    def refresh(self) -> None:
        """Offer to tell only while a run waits for its result."""
        self.tell.disabled = self.is_done

    def _well(self, number: int, suggestion: Suggestion) -> Well:
        responses = {
            name: self.field(
                f"runs.{number}.{name}",
                typed(f"{number}: {label_of_response(name, goal)}", hint="0.93 or 0,93"),
            )
            for name, goal in self.experiment.responses.items()
        }
        return Well(number, suggestion, responses)

    def _row(self, well: Well) -> VBox:
        values = HTML(block(f"<b>{well.number}</b>&ensp;{escape(_values(well.suggestion))}"))
        return VBox([values, row([*(field.box for field in well.responses.values()), well.failed])])

    def _tell(self) -> str:
        filled = [well for well in self.wells if well.is_filled]
        if not filled:
            raise wrong_field(next(iter(self.fields)), "is missing: type what was measured, or tick that a run failed")
        outcomes = [(well, self._measured(well)) for well in filled]
        self._ask_for_empty(outcomes)
        n_told, slips = 0, []
        try:
            for well, measured in outcomes:
                if measured:
                    told = self.experiment.tell(well.suggestion, measured)
                    found = far_off_values(self.experiment, told, well.suggestion.predictions)
                    slips += [f"{well.number}: {text}. {SLIP}" for text in found]
                else:
                    self.experiment.fail(well.suggestion)
                well.lock()
                n_told += 1
        except AutotuneError as error:
            error.add_note(f"{n_told} of {counted(len(outcomes), 'run')} told; the rest stays as typed.")
            raise
        n_left = sum(not well.is_told for well in self.wells)
        return "\n".join([f"{counted(n_told, 'run')} told; {n_left} left.", *slips])

    def _ask_for_empty(self, outcomes: Sequence[tuple[Well, dict[str, float]]]) -> None:
        """Ask once for the responses that are left empty beside others of the same run."""
        filled = [(well, measured) for well, measured in outcomes if measured]
        empty = {
            well.responses[name].name for well, measured in filled for name in well.responses if name not in measured
        }
        if not empty <= self._left_out:
            self._left_out = empty
            raise wrong_fields(dict.fromkeys(empty, LEFT_OUT.format(button=_TELL)))

    def _measured(self, well: Well) -> dict[str, float]:
        """Read what was measured in one run; a run that failed measured nothing."""
        read = {name: field.number() for name, field in well.responses.items()}
        measured = {name: value for name, value in read.items() if value is not None}
        if well.failed.value and measured:
            name = next(iter(measured))
            raise wrong_field(f"runs.{well.number}.{name}", "must be empty where the run failed, or untick that")
        return measured


def _values(suggestion: Suggestion) -> str:
    rows = [*suggestion.row_texts(), *configuration_rows(suggestion.covars, suggestion.units)]
    return ", ".join(f"{name} {text}" for name, text in rows)

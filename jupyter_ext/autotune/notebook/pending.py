"""The suggestions of a notebook that wait for their results."""

from collections.abc import Iterable
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.views.shown import Suggestion, configuration_text, labelled
from autotune.views.tables import Row, html_table


class Suggestions(list[Suggestion]):
    """Suggestions that were taken.

    Attributes:
        numbers: For each suggestion, the number by which ``tell --of`` names it.
    """

    def __init__(self, numbered: dict[int, Suggestion]) -> None:
        super().__init__(numbered.values())
        self.numbers = list(numbered)

    def __repr__(self) -> str:
        return "\n".join(f"{number}  {suggestion}" for number, suggestion in zip(self.numbers, self, strict=True))

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for suggestion in self for name in suggestion.covars))
        details = list(dict.fromkeys(name for suggestion in self for name, _ in suggestion.row_texts()))
        rows: list[Row] = []
        for number, suggestion in zip(self.numbers, self, strict=True):
            values = [suggestion.value(name) if name in suggestion.covars else "" for name in names]
            texts = dict(suggestion.row_texts())
            rows.append((str(number), *(texts.get(name, "") for name in details), *values, suggestion.prediction()))
        units = {name: unit for suggestion in self for name, unit in suggestion.units.items()}
        header = ("number", *details, *(labelled(name, units.get(name)) for name in names), "predicted")
        return html_table("Suggestions, each to tell with --of and its number", rows, header)


class Pending:
    """The suggestion last asked for, and the suggestions that were taken, until they are told or given up."""

    def __init__(self) -> None:
        self._current: Suggestion | None = None
        self._taken: dict[int, Suggestion] = {}
        self._given: dict[UUID, int] = {}
        self._last = 0

    def show(self, suggestion: Suggestion) -> None:
        """Make a suggestion the one that the next result belongs to."""
        self._current = suggestion

    def take(self, suggestions: Iterable[Suggestion]) -> Suggestions:
        """Add suggestions that were taken, or whose results were taken back, and number them.

        No number changes while suggestions wait, and none is given to another suggestion. One that had a number gets
        it back, unless another has it by now: where none waits, the numbers begin with 1 again.
        """
        self._current = None
        if not self._taken:
            self._last = 0
        numbered: dict[int, Suggestion] = {}
        for suggestion in sorted(suggestions, key=lambda suggestion: suggestion.suggestion_uuid not in self._given):
            uuid = suggestion.suggestion_uuid
            number = self._given.get(uuid, self._last + 1)
            if number in self._taken and self._taken[number].suggestion_uuid != uuid:
                number = self._last + 1
            self._last = max(self._last, number)
            self._given[uuid] = number
            self._taken[number] = numbered[number] = suggestion
        self._taken = dict(sorted(self._taken.items()))
        return Suggestions(dict(sorted(numbered.items())))

    def show_again(self, suggestion: Suggestion) -> int | None:
        """Make a suggestion whose result was taken back the one that the next result belongs to.

        Returns:
            If the suggestion was one of those that were taken, its number: it waits among them again.
        """
        number = self.take([suggestion]).numbers[0] if suggestion.suggestion_uuid in self._given else None
        self.show(suggestion)
        return number

    def find(self, number: int | None = None) -> Suggestion | None:
        """Return the suggestion that a result belongs to.

        Args:
            number: The number of a suggestion that was taken; None for the one last asked for, or for the first one
                that was taken and waits.

        Returns:
            The suggestion; None if none waits.

        Raises:
            InvalidInputError: If no suggestion with this number waits.
        """
        if number is None:
            return self._current or next(iter(self._taken.values()), None)
        if number not in self._taken:
            waiting = f"those that wait are {self._numbers()}" if self._taken else "`%autotune ask N` takes suggestions"
            raise InvalidInputError(f"no suggestion with the number {number} waits for its result\n{waiting}")
        return self._taken[number]

    def end(self, suggestion_uuid: UUID | None) -> str | None:
        """Forget a suggestion that was told or given up, and the one last asked for, which newer data replace.

        Returns:
            If the suggestion was one of those that were taken, its number and configuration, and which ones still wait.
        """
        self._current = None
        for number, suggestion in self._taken.items():
            if suggestion.suggestion_uuid == suggestion_uuid:
                del self._taken[number]
                left = f"; {self._numbers()} still wait" if self._taken else ""
                return f"suggestion {number} ({configuration_text(suggestion.covars, suggestion.units)}){left}"
        return None

    def forget_current(self) -> None:
        """Forget the suggestion last asked for."""
        self._current = None

    def forget(self) -> None:
        """Forget all suggestions."""
        self._current, self._taken, self._given = None, {}, {}

    def _numbers(self) -> str:
        return ", ".join(map(str, self._taken))

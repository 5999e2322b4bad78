"""The progress of a loop, shown where a program runs in a terminal: a bar if rich is installed, else lines."""

import builtins
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autotune.running.in_turn import OnTell
from autotune.values import number_text
from autotune.views.seen import Seen
from autotune.views.shown import Observation, outcome_texts
from autotune_wire.responses import meets_thresholds, merit, primary_of


@contextmanager
def progress_of(experiment: Seen, n: int, on_tell: OnTell | None, wanted: bool | None) -> Iterator[OnTell | None]:
    """Show the progress of a loop on stderr, and yield what the loop is to call with each observation.

    Args:
        experiment: The experiment, for its responses and the best of the runs before.
        n: How many runs the loop makes.
        on_tell: What the user wants to be called with each observation.
        wanted: Whether the progress is shown; None to show it in a terminal that no notebook or IPython draws in.
    """
    is_terminal = sys.stderr.isatty()
    if not (is_terminal and not hasattr(builtins, "__IPYTHON__") if wanted is None else wanted):
        yield on_tell
        return
    tally = _Tally(experiment, n)
    with _bar(n) if is_terminal and _has_rich() else _lines(n) as show:

        def tell(observation: Observation) -> None:
            show(tally.after(observation))
            if on_tell is not None:
                on_tell(observation)

        yield tell


class _Tally:
    """What is said of a loop: the last outcome, and the best in the first objective of the runs that count."""

    def __init__(self, experiment: Seen, n: int) -> None:
        self._responses = experiment.responses
        self._name, self._objective = primary_of(experiment.responses)
        best = experiment.best_seen
        self._best = None if best is None else best.response

    def after(self, observation: Observation) -> str:
        """Return what is said after an observation."""
        value = observation.response
        if value is not None and meets_thresholds(self._responses, observation.responses):
            scores = [merit(self._objective, known) for known in (value, self._best) if known is not None]
            self._best = value if merit(self._objective, value) == max(scores) else self._best
        outcome = ", ".join(f"{name} {text}" for name, text in outcome_texts(observation))
        return outcome if self._best is None else f"{outcome}; best {number_text(self._best)}"


@contextmanager
def _lines(n: int) -> Iterator[Callable[[str], None]]:
    n_told, began = 0, time.monotonic()

    def show(said: str) -> None:
        nonlocal n_told
        n_told += 1
        sys.stderr.write(f"{n_told} of {n} told after {time.monotonic() - began:.0f} s: {said}\n")

    yield show


@contextmanager
def _bar(n: int) -> Iterator[Callable[[str], None]]:
    from rich import progress
    from rich.console import Console

    columns: list[Any] = [
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("[dim]left[/]"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[said]}", markup=False),
    ]
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=n, said="")
        yield lambda said: bar.update(task, advance=1, said=said)


def _has_rich() -> bool:
    try:
        import rich.progress  # noqa: F401 -- whether it is there is all that is asked
    except ImportError:
        return False
    return True

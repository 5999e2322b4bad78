"""The progress of a loop, shown in a terminal (a bar if rich is installed, else lines) and to who watches it."""

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from autotune.running.in_turn import OnTell
from autotune.running.underway import Underway, announced
from autotune.values import number_text
from autotune.views.seen import Seen
from autotune.views.shown import Observation, outcome_texts
from autotune_wire.responses import meets_thresholds, merit, primary_of


@contextmanager
def progress_of(experiment: Seen, n: int, on_tell: OnTell | None, wanted: bool | None) -> Iterator[OnTell]:
    """Show the progress of a loop, also to its watchers, and yield what it is to call with each observation.

    Args:
        experiment: The experiment, for its responses and the best of the runs before.
        n: How many runs the loop makes.
        on_tell: What the user wants to be called with each observation.
        wanted: Whether stderr shows the progress; None to show it in a terminal that no notebook or IPython draws in.
    """
    is_terminal = sys.stderr.isatty()
    is_shown = is_terminal and not hasattr(builtins, "__IPYTHON__") if wanted is None else wanted
    tally = _Tally(experiment)
    with announced(experiment.exp_uuid, n) as (underway, told), _shown(underway, is_shown, is_terminal) as show:

        def tell(observation: Observation) -> None:
            told()
            show(tally.after(observation))
            if on_tell is not None:
                on_tell(observation)

        yield tell


def _shown(underway: Underway, is_shown: bool, is_terminal: bool) -> AbstractContextManager[Callable[[str], None]]:
    if not is_shown:
        return nullcontext(lambda _said: None)
    return _bar(underway) if is_terminal and _has_rich() else _lines(underway)


class _Tally:
    """What is said of a loop: the last outcome, and the best in the first objective of the runs that count."""

    def __init__(self, experiment: Seen) -> None:
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
def _lines(underway: Underway) -> Iterator[Callable[[str], None]]:
    def show(said: str) -> None:
        left = f", {underway.left_text}" if underway.left_text else ""
        after = f"{underway.n_told} of {underway.n} told after {underway.elapsed_s:.0f} s{left}"
        sys.stderr.write(f"{after}: {said}\n")

    yield show


@contextmanager
def _bar(underway: Underway) -> Iterator[Callable[[str], None]]:
    from rich import progress
    from rich.console import Console

    columns: list[Any] = [
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("[dim]{task.fields[left]}[/]"),
        progress.TextColumn("{task.fields[said]}", markup=False),
    ]
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=underway.n, left="", said="")
        yield lambda said: bar.update(task, advance=1, left=underway.left_text, said=said)


def _has_rich() -> bool:
    try:
        import rich.progress  # noqa: F401 -- whether it is there is all that is asked
    except ImportError:
        return False
    return True

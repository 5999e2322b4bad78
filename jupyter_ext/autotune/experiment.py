"""One experiment: ask what to try, tell what came of it."""

from collections.abc import AsyncGenerator, Callable, Iterable
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from autotune.checks import Run, checked, told_run
from autotune.connection import Connection
from autotune.errors import ConnectionFailedError, InvalidInputError, ServiceError
from autotune.shown import Best, Observation, Suggestion
from autotune.stream import follow
from autotune.tables import html_table, run_records
from autotune.values import number_text, plain, value_text
from autotune_wire import experiments
from autotune_wire.frames import Event
from autotune_wire.observations import MAX_TELL, HistoryPage, Tell, TellReply
from autotune_wire.paths import (
    EXPERIMENT,
    EXPERIMENT_ASK,
    EXPERIMENT_CLOSE,
    EXPERIMENT_HISTORY,
    EXPERIMENT_TELL,
)
from autotune_wire.space import CatCovariate, Covariate, Space
from autotune_wire.suggestions import Ask, AskReply

if TYPE_CHECKING:
    from autotune.panel import Panel

PAGE = 1000
ALREADY_TOLD = "already_told"
MAX_TELLS = 5
"""How often a tell is sent whose answer is lost each time."""


class Experiment:
    """An experiment on the service.

    ``ask()`` and ``tell()`` are the loop; ``run()`` is the loop for a function. Everything else looks on.

    Attributes:
        connection: The way to the service, shared with the client.
    """

    def __init__(self, connection: Connection, told: experiments.Experiment) -> None:
        self.connection = connection
        self._seen = told

    @property
    def exp_uuid(self) -> UUID:
        """The name that the service gave."""
        return self._seen.exp_uuid

    @property
    def name(self) -> str:
        """The name that the user gave."""
        return self._seen.name

    @property
    def covars(self) -> Space:
        """The covariates by name."""
        return self._seen.covars

    @property
    def direction(self) -> experiments.Direction:
        """Whether more is better, or less."""
        return self._seen.direction

    @property
    def last_seq(self) -> int:
        """The seq of the newest event that the service has told of, as of the last look."""
        return self._seen.last_seq

    @property
    def best(self) -> Best | None:
        """The best observation so far, fetched; None where nothing was told yet."""
        best = self.state().best
        return None if best is None else Best(**dict(best))

    def state(self) -> experiments.Experiment:
        """Fetch the experiment as it stands now."""
        self._seen = self.connection.get(self._path(EXPERIMENT), experiments.Experiment)
        return self._seen

    @overload
    def ask(self) -> Suggestion: ...
    @overload
    def ask(self, n: int) -> list[Suggestion]: ...
    def ask(self, n: int | None = None) -> Suggestion | list[Suggestion]:
        """Ask what to try next.

        Without ``n`` this shows the current suggestion: asked again before anything is told, it is the same one. With
        ``n`` it takes as many new ones, for as many workers, and nobody else gets them.

        Raises:
            UnavailableError: If the engine is not ready within the client's time.
        """
        if n is None:
            reply = self.connection.get(self._path(EXPERIMENT_ASK), AskReply)
            return Suggestion(**dict(reply.suggestions[0]))
        with checked("the number of suggestions"):
            body = Ask(n=plain(n))
        # An ask that is refused as not ready has leased nothing.
        reply = self.connection.post(self._path(EXPERIMENT_ASK), AskReply, body, is_safe=True)
        return [Suggestion(**dict(suggestion)) for suggestion in reply.suggestions]

    def tell(self, run: Run, response: float) -> Observation:
        """Tell what came of one run.

        Args:
            run: The suggestion that was run, or the configuration where it was another one.
            response: What was measured, a finite number.

        Raises:
            InvalidInputError: If the response is none, or the configuration holds no plain values.
            ServiceError: If the configuration lies outside the experiment's space, or the experiment is closed.
            ConnectionFailedError: If the service went away; ``is_sent`` says whether the observation may be stored. A
                tell of a suggestion is repeated before that, as it can be stored only once.
        """
        body = Tell(**dict(told_run(run, response)))
        return self._tell(body)[0] if body.suggestion_uuid is None else self._tell_of_suggestion(body)

    def tell_many(self, runs: Iterable[tuple[Run, float]]) -> list[Observation]:
        """Tell many runs at once, each as ``(run, response)``: all are stored, or none; at most 1000."""
        told = [told_run(run, response) for run, response in runs]
        if not 1 <= len(told) <= MAX_TELL:
            raise InvalidInputError(f"between 1 and {MAX_TELL} runs can be told at once, not {len(told)}")
        return self._tell(Tell(observations=told))

    def run(
        self, function: Callable[[dict[str, Any]], float], n: int, on_tell: Callable[[Observation], None] | None = None
    ) -> Best:
        """Ask, run and tell, ``n`` times.

        Args:
            function: Takes a configuration, a dict with a value for every covariate, and returns the response. What it
                raises ends the loop; everything told before is kept.
            n: How many runs.
            on_tell: Called with each observation after it is stored.

        Returns:
            The best observation of the experiment.
        """
        if n < 1:
            raise InvalidInputError(f"n must be at least 1, not {n}")
        for _ in range(n):
            suggestion = self.ask()
            observation = self.tell(suggestion, function(dict(suggestion.covars)))
            if on_tell is not None:
                on_tell(observation)
        best = self.best
        assert best is not None
        return best

    def observations(self) -> list[Observation]:
        """Fetch all observations, oldest first."""
        found: list[Observation] = []
        after: str | None = None
        while True:
            page = self.connection.get(self._path(EXPERIMENT_HISTORY), HistoryPage, limit=PAGE, after=after)
            found += [Observation(**dict(observation)) for observation in page.observations]
            after = page.next
            if after is None:
                return found

    def history(self) -> Any:
        """Fetch all observations as a table, oldest first.

        Returns:
            A pandas DataFrame where pandas is installed, else a list of dicts: one column per covariate, ``Response``
            and ``time_created``.
        """
        records = run_records(self.observations())
        if find_spec("pandas") is None:
            return records
        import pandas as pd

        return pd.DataFrame.from_records(records, columns=list(records[0]) if records else None)

    def stream(self, after: int = 0) -> AsyncGenerator[Event, None]:
        """Follow the experiment's events: those after the seq ``after``, then each new one as it happens.

        Use it with ``async for``. It reconnects by itself, goes on after the last event it gave, and never ends by
        itself.
        """
        return follow(self.connection, self.exp_uuid, after)

    def panel(self) -> "Panel":
        """Give a live picture of the experiment for a notebook; needs ipywidgets."""
        from autotune.panel import Panel

        return Panel(self)

    def close(self) -> None:
        """Close the experiment: it takes no more observations and suggests nothing more."""
        self._seen = self.connection.post(self._path(EXPERIMENT_CLOSE), experiments.Experiment, is_safe=True)

    def facts(self) -> list[tuple[str, str]]:
        """Give what is known of the experiment without asking the service again, as pairs for a table."""
        seen = self._seen
        best = "none yet" if seen.best is None else number_text(seen.best.response)
        return [
            ("state", f"{seen.state}, {seen.direction}"),
            ("observations", str(seen.n_observations)),
            ("best response", best),
            ("exp_uuid", str(seen.exp_uuid)),
        ]

    def __repr__(self) -> str:
        facts = ", ".join(f"{label} {text}" for label, text in self.facts())
        return f"Experiment({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        covars = [(name, _range_text(covariate)) for name, covariate in self.covars.items()]
        return html_table(f"Experiment {self.name}", [*self.facts(), *covars])

    def _tell(self, body: Tell) -> list[Observation]:
        reply = self.connection.post(self._path(EXPERIMENT_TELL), TellReply, body)
        return [Observation(**dict(observation)) for observation in reply.observations]

    def _tell_of_suggestion(self, body: Tell) -> Observation:
        is_lost = False
        for attempt in count(1):
            try:
                return self._tell(body)[0]
            except ConnectionFailedError as error:
                if not error.is_sent or attempt == MAX_TELLS:
                    raise
                is_lost = True
            except ServiceError as error:
                stored = self._stored(body) if is_lost and error.code == ALREADY_TOLD else None
                if stored is None:
                    raise
                return stored
        raise AssertionError("count() never ends")

    def _stored(self, body: Tell) -> Observation | None:
        """Find the observation that a tell left behind whose answer was lost."""
        return next(
            (
                one
                for one in self.observations()
                if one.suggestion_uuid == body.suggestion_uuid and one.response == body.response
            ),
            None,
        )

    def _path(self, path: str) -> str:
        return path.format(exp_uuid=self.exp_uuid)


def _range_text(covariate: Covariate) -> str:
    if isinstance(covariate, CatCovariate):
        return ", ".join(covariate.options)
    return f"{value_text(covariate.min)} to {value_text(covariate.max)}"

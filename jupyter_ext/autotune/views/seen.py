"""The last known state of an experiment, read without another request to the service."""

from datetime import datetime
from uuid import UUID

from autotune.views.facts import facts_of, more_facts_of, state_of
from autotune.views.tables import html_table
from autotune_wire import experiments
from autotune_wire.constraints import Constraint
from autotune_wire.reports import EarlyStop, reported_of
from autotune_wire.responses import Responses
from autotune_wire.space import Space


class Seen:
    """An experiment as the service sent it last."""

    def __init__(self, seen: experiments.Experiment) -> None:
        self._seen = seen

    @property
    def exp_uuid(self) -> UUID:
        """The uuid that the service gave the experiment."""
        return self._seen.exp_uuid

    @property
    def name(self) -> str:
        """The name that the user gave the experiment."""
        return self._seen.name

    @property
    def covars(self) -> Space:
        """The covariates, by name."""
        return self._seen.covars

    @property
    def constraints(self) -> list[Constraint]:
        """The constraints that every suggestion meets."""
        return self._seen.constraints

    @property
    def advice(self) -> list[str]:
        """What makes the space hard to search, and how to describe it better: a sentence for each covariate."""
        return self._seen.advice

    @property
    def responses(self) -> Responses:
        """The measured responses with their goals, by name."""
        return self._seen.responses

    @property
    def early_stop(self) -> EarlyStop | None:
        """The rule by which runs are told to stop early; None if there is none."""
        return self._seen.early_stop

    @property
    def reported(self) -> str:
        """The name of the response that runs report."""
        return reported_of(self._seen.early_stop, self._seen.responses)[0]

    @property
    def direction(self) -> experiments.Direction:
        """Whether the first objective is maximized or minimized; of a target, the distance is minimized."""
        return self._seen.direction

    @property
    def last_seq(self) -> int:
        """The seq of the newest event when the service last sent the experiment."""
        return self._seen.last_seq

    @property
    def n_observations(self) -> int:
        """The number of observations when the service last sent the experiment; failed runs count."""
        return self._seen.n_observations

    @property
    def best_seen(self) -> experiments.Best | None:
        """The best observation when the service last sent the experiment."""
        return self._seen.best

    @property
    def state_seen(self) -> str:
        """The state when the service last sent the experiment: closed, paused, stopped or active."""
        return state_of(self._seen)

    @property
    def time_created(self) -> datetime:
        """When the experiment was created, in UTC."""
        return self._seen.time_created

    def facts(self) -> list[tuple[str, str]]:
        """Return the last known facts of the experiment, as pairs of label and text, without a request."""
        return facts_of(self._seen)

    def __repr__(self) -> str:
        facts = ", ".join(f"{label} {text}" for label, text in self.facts())
        return f"{type(self).__name__}({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        return html_table(f"Experiment {self.name}", [*self.facts(), *more_facts_of(self._seen)])

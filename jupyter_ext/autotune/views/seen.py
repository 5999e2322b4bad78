"""What is known of an experiment without asking the service again."""

from datetime import datetime
from uuid import UUID

from autotune.views.facts import facts_of, more_facts_of
from autotune.views.tables import html_table
from autotune_wire import experiments
from autotune_wire.constraints import Constraint
from autotune_wire.responses import Responses
from autotune_wire.space import Space


class Seen:
    """An experiment as the service told it last."""

    def __init__(self, seen: experiments.Experiment) -> None:
        self._seen = seen

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
    def constraints(self) -> list[Constraint]:
        """What every suggestion meets."""
        return self._seen.constraints

    @property
    def responses(self) -> Responses:
        """What is measured, by name, with what is wanted of it."""
        return self._seen.responses

    @property
    def direction(self) -> experiments.Direction:
        """Whether more of the first objective is better, or less."""
        return self._seen.direction

    @property
    def last_seq(self) -> int:
        """The seq of the newest event that the service has told of, as of the last look."""
        return self._seen.last_seq

    @property
    def n_observations(self) -> int:
        """How many runs were told, as of the last look."""
        return self._seen.n_observations

    @property
    def time_created(self) -> datetime:
        """When the experiment was made, in UTC."""
        return self._seen.time_created

    def facts(self) -> list[tuple[str, str]]:
        """Give what is known of the experiment without asking the service again, as pairs for a table."""
        return facts_of(self._seen)

    def __repr__(self) -> str:
        facts = ", ".join(f"{label} {text}" for label, text in self.facts())
        return f"Experiment({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        return html_table(f"Experiment {self.name}", [*self.facts(), *more_facts_of(self._seen)])

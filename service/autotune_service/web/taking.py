"""An ask that leases suggestions to its caller, and waits beside other asks until it has as many as it wants."""

from uuid import UUID

from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.rows.suggestions import SuggestionRow
from autotune_service.tuning import ask, conditional
from autotune_service.web.services import Services
from autotune_wire.base import Configuration


class Taking:
    """The suggestions that one request has taken so far.

    Args:
        own: The parts of this process.
        user_uuid: The user who asks.
        asked: The experiment as it was when the ask came.
        n: How many suggestions the request wants.
        terms: For whom, and for how long, suggestions are leased.
        taken: The suggestions that the request had taken before. New suggestions are added to this list.
    """

    def __init__(
        self,
        own: Services,
        user_uuid: UUID,
        asked: ExperimentRow,
        n: int,
        terms: ask.Terms,
        taken: list[SuggestionRow],
    ) -> None:
        self._own = own
        self._of = (own.store, user_uuid, asked.exp_uuid)
        self._asked = asked
        self._n = n
        self._terms = terms
        self._taken = taken
        self.updated_at = asked.updated_at
        """When the experiment last changed."""

    async def wait_for_fixed(self, fixed: Configuration) -> None:
        """Take suggestions with fixed values, as far as they come within the time that an ask waits."""

        async def attempt() -> bool | None:
            if self._n_missing:
                place = (*self._of, self._asked.data_rev, fixed, self._n_missing)
                self._add(await conditional.lease_conditional(*place, self._terms, self._own.limits))
            return None if self._n_missing else True

        await self._own.hub.until(self._asked.exp_uuid, attempt, self._own.ask_wait_s)

    async def wait_for_open(self) -> None:
        """Take suggestions without fixed values, as far as they come within the time that an ask waits."""
        waited_for, exp_uuid = self._own.waited_for, self._asked.exp_uuid
        waited_for[exp_uuid] += self._n_missing
        try:
            await self._own.hub.until(exp_uuid, self._take_open, self._own.ask_wait_s)
        finally:
            waited_for[exp_uuid] -= self._n_missing
            if not waited_for[exp_uuid]:
                del waited_for[exp_uuid]
        if not self._taken:  # the time is over, so a suggestion from older data is good enough now
            least = await ask.least_data_rev(*self._of[:2], self._asked)
            if least < self._asked.data_rev and await ask.may_take_more(*self._of, least):
                n_for_others = waited_for[exp_uuid]
                self._add(await ask.lease_suggestions(*self._of, least, self._n, self._terms, n_for_others))

    async def _take_open(self) -> bool | None:
        exp_uuid, data_rev = self._asked.exp_uuid, self._asked.data_rev
        waited_for = self._own.waited_for
        if self._n_missing and await ask.may_take_more(*self._of, data_rev, waited_for[exp_uuid]):
            n_for_others = waited_for[exp_uuid] - self._n_missing
            leased = await ask.lease_suggestions(*self._of, data_rev, self._n_missing, self._terms, n_for_others)
            waited_for[exp_uuid] -= len(leased.suggestions)
            self._add(leased)
        return None if self._n_missing else True

    @property
    def _n_missing(self) -> int:
        return self._n - len(self._taken)

    def _add(self, leased: ask.Asked) -> None:
        self._taken.extend(leased.suggestions)
        self.updated_at = leased.updated_at

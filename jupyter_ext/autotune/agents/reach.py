"""What an agent may reach: the experiments of the user whose credentials it has, or some of them."""

from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from autotune.client import Client
from autotune.errors import ForbiddenError, InvalidInputError
from autotune.experiment import Experiment
from autotune.notebook.near import did_you_mean

MAX_LISTED = 1000
"""How many experiments are looked through for a name."""

_FOR_SOME = "This token is for some experiments alone: start the server with --experiment UUID for each of them."


class Reach:
    """The experiments of one user, for an agent that acts in the user's name.

    Attributes:
        client: The user's client; its first call signs in.
        agent: The name of the agent: that of the worker whose leases it takes, and the tag of the runs that it tells.
        only: The only experiments that the agent may use; empty for all of the user's.
        taking: Held while suggestions are taken, so that an ask that is sent twice takes them once.
    """

    def __init__(self, client: Client, agent: str, only: Sequence[UUID] = ()) -> None:
        self.client = client
        self.agent = agent
        self.only = tuple(dict.fromkeys(only))
        self.taking = Lock()

    def listed(self, limit: int) -> list[Experiment]:
        """Fetch the experiments, the newest first; those that were named to the server, in the order given.

        Raises:
            ForbiddenError: If the token is for some experiments alone, and the server was not told for which.
        """
        if self.only:
            return [self.client.experiment(exp_uuid) for exp_uuid in self.only[:limit]]
        try:
            return self.client.list(limit)
        except ForbiddenError as error:
            # Any token may read: what it may not is list experiments that it is not for.
            error.add_note(_FOR_SOME)
            raise

    def experiment(self, named: str) -> Experiment:
        """Fetch the experiment with this uuid, or with this name.

        Raises:
            InvalidInputError: If the agent may not use the experiment, or none or several have this name.
        """
        try:
            exp_uuid = UUID(named)
        except ValueError:
            return self._of_name(named)
        if self.only and exp_uuid not in self.only:
            allowed = ", ".join(map(str, self.only))
            raise InvalidInputError(f"experiment is {named}; this server is for these experiments alone: {allowed}")
        return self.client.experiment(exp_uuid)

    def worker(self, name: str | None) -> str:
        """Return the name under which suggestions are taken, for one of several workers of the agent or for all."""
        return self.agent if name is None else f"{self.agent}: {name}"

    def _of_name(self, name: str) -> Experiment:
        known = self.listed(MAX_LISTED)
        found = [experiment for experiment in known if experiment.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            uuids = ", ".join(str(experiment.exp_uuid) for experiment in found)
            raise InvalidInputError(f"experiment is {name!r}, which {len(found)} have as name; give a uuid: {uuids}")
        near = did_you_mean(name, [experiment.name for experiment in known], "'")
        raise InvalidInputError(f"experiment is {name!r}; it must be the uuid or name of an experiment{near}")

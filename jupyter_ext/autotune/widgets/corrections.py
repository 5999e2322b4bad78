"""The corrections of an experiment's runs, as they arrive."""

from autotune.experiment import Experiment
from autotune_wire.frames import Event
from autotune_wire.overviews import Overview
from autotune_wire.paths import EXPERIMENT_OVERVIEW


class Corrections:
    """What was corrected since an experiment is followed.

    Args:
        experiment: The experiment.

    Attributes:
        seq_by_run: By the number of a run, 1 for the oldest, the seq of the event that announced its last correction.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.seq_by_run: dict[int, int] = {}
        self._experiment = experiment
        self._new: list[Event] = []

    def see(self, event: Event) -> None:
        """Take note of an event."""
        if event.type == "observation_corrected":
            self._new.append(event)

    def fetch(self) -> dict[int, int]:
        """Return ``seq_by_run`` with the corrections that were seen, once the numbers of their runs are fetched.

        An event names a run by the seq that announced it, and the overview lists these seqs in the order of the runs.
        """
        found = dict(self.seq_by_run)
        if new := self._new[:]:
            path = EXPERIMENT_OVERVIEW.format(exp_uuid=self._experiment.exp_uuid)
            seqs = self._experiment.connection.get(path, Overview).seqs
            numbers = {seq: number for number, seq in enumerate(seqs, start=1)}
            found |= {numbers[event.data["seq"]]: event.seq for event in new if event.data.get("seq") in numbers}
            del self._new[: len(new)]
        return found

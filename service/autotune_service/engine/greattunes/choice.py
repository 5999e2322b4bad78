"""What greattunes would try next, or where that is taken already the best of what is not."""

from collections.abc import Set
from dataclasses import dataclass

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.utils.sampling import draw_sobol_samples

from autotune_service.engine.greattunes.columns import Columns, Key
from autotune_service.engine.greattunes.session import Session
from autotune_wire.base import Configuration

_ENUMERATED_CONFIGURATIONS = 4096  # a space up to this size is searched whole
_SPARE_CANDIDATES = 1024
_BLOCK = 64  # candidates valued at a time, which bounds the memory


@dataclass(frozen=True, slots=True)
class Taken:
    """What is not chosen again.

    Args:
        columns: The space.
        tried: What was run, by its key: a search may come ever nearer to it.
        pending: What runs at the same time: to run what is all but the same would teach nothing.
    """

    columns: Columns
    tried: Set[Key]
    pending: list[Configuration]

    def __contains__(self, configuration: Configuration) -> bool:
        """Whether a configuration was tried, or is pending or near to one that is."""
        return self.columns.key(configuration) in self.tried or any(
            self.columns.is_near(configuration, other) for other in self.pending
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A configuration to try.

    Args:
        covars: A value for every covariate.
        value: The acquisition's value, on the model's scale.
        note: What is unusual about it; empty where nothing is.
    """

    covars: Configuration
    value: float
    note: str


def choose(session: Session, columns: Columns, taken: Taken, seed: int) -> Choice:
    """Return the next configuration that is not taken; where all are taken, what greattunes would try."""
    wanted = columns.decode(session.ask())
    if wanted not in taken:
        return _best(session.acquisition, columns, [wanted], "")
    free = [configuration for configuration in _candidates(columns, seed) if configuration not in taken]
    if not free:
        note = "every configuration was tried, so this one is worth repeating"
        return _best(session.acquisition, columns, [wanted], note)
    note = "what greattunes suggested is tried or pending, or next to it; this is the best of the others"
    return _best(session.acquisition, columns, free, note)


def _candidates(columns: Columns, seed: int) -> list[Configuration]:
    count = columns.n_configurations
    if count is not None and count <= _ENUMERATED_CONFIGURATIONS:
        return list(columns.all_configurations())
    rows = draw_sobol_samples(columns.bounds, n=_SPARE_CANDIDATES, q=1, seed=seed).squeeze(-2)
    return [columns.decode(row) for row in rows]


def _best(acquisition: AcquisitionFunction, columns: Columns, among: list[Configuration], note: str) -> Choice:
    with torch.no_grad():
        blocks = torch.split(columns.encode(among), _BLOCK)
        values = torch.cat([acquisition(block.unsqueeze(-2)) for block in blocks])
    best = int(values.argmax())
    return Choice(among[best], float(values[best]), note)

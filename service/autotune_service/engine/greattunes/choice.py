"""The next configuration: the one that greattunes would try, or the best other one if that is taken."""

from collections.abc import Set
from dataclasses import dataclass

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.utils.sampling import draw_sobol_samples

from autotune_service.engine.greattunes.columns import Columns, Key
from autotune_service.engine.greattunes.session import Session
from autotune_wire.base import Configuration

_ENUMERATED_CONFIGURATIONS = 4096  # a space up to this size is searched completely
_SPARE_CANDIDATES = 1024
_BLOCK = 64  # candidates evaluated at a time, which bounds the memory


@dataclass(frozen=True, slots=True)
class Taken:
    """The configurations that are not chosen again.

    Args:
        columns: The space.
        tried: The keys of configurations that were run. A configuration near one of these can be chosen, as a search
            has to be able to approach an optimum.
        pending: Configurations that are being run. A configuration near one of these is not chosen, as running almost
            the same configuration twice at a time would teach nothing.
    """

    columns: Columns
    tried: Set[Key]
    pending: list[Configuration]

    def __contains__(self, configuration: Configuration) -> bool:
        """Return whether a configuration was tried, or is equal or near to a pending one."""
        return self.columns.key(configuration) in self.tried or any(
            self.columns.is_near(configuration, other) for other in self.pending
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A configuration to try.

    Args:
        covars: A value for every covariate.
        value: The acquisition function's value, on the model's scale.
        note: Why this is not greattunes' own new choice, for the user; empty if it is.
    """

    covars: Configuration
    value: float
    note: str


def choose(session: Session, columns: Columns, taken: Taken, seed: int) -> Choice:
    """Return the next configuration that is not taken; if all are taken, the one that greattunes would try."""
    wanted = columns.decode(session.ask())
    if wanted not in taken:
        return _best(session.acquisition, columns, [wanted], "")
    count = columns.n_configurations
    if count is not None and count <= _ENUMERATED_CONFIGURATIONS:
        candidates = list(columns.all_configurations())
    else:
        rows = draw_sobol_samples(columns.bounds, n=_SPARE_CANDIDATES, q=1, seed=seed).squeeze(-2)
        candidates = [columns.decode(row) for row in rows]
    free = [configuration for configuration in candidates if configuration not in taken]
    if not free:
        note = "every configuration was tried or is pending, so this one is suggested again"
        return _best(session.acquisition, columns, [wanted], note)
    note = "greattunes' first choice was tried or is near a pending one, so this is the best other configuration"
    return _best(session.acquisition, columns, free, note)


def _best(acquisition: AcquisitionFunction, columns: Columns, candidates: list[Configuration], note: str) -> Choice:
    with torch.no_grad():
        blocks = torch.split(columns.encode(candidates), _BLOCK)
        values = torch.cat([acquisition(block.unsqueeze(-2)) for block in blocks])
    best = int(values.argmax())
    return Choice(candidates[best], float(values[best]), note)

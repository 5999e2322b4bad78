"""The rows of a list that are left and look best."""

import numpy as np

from autotune_service.engine.acquisition.aims import Aim
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import RankedRow
from autotune_service.engine.space.listed import ListedRegion
from autotune_wire.responses import primary_of

_MOST = 10
_BLOCK = 1024  # rows predicted at a time, which bounds the memory


def best_left(fitted: Fitted) -> list[RankedRow]:
    """Rank the rows of a list that are neither told nor pending by the predicted mean of the primary objective.

    Rows that are alike count once. Where asks give contexts, no row has a prediction without them.

    Returns:
        The best ten, the best first; none without a list, or if no run has measured the objective.
    """
    primary, objective = primary_of(fitted.given.responses)
    has_contexts = any(covariate.role == "context" for covariate in fitted.given.space.values())
    if fitted.given.candidates is None or primary not in fitted.surrogates or has_contexts:
        return []
    region = fitted.region()
    assert isinstance(region, ListedRegion)
    known = [*fitted.given.pending, *(run.covars for run in fitted.given.runs)]
    rows = region.untaken({*fitted.encoding.keys(fitted.encoding.encode(known)), *region.used_keys})
    surrogate = fitted.surrogates[primary]
    aim = Aim.of(objective, surrogate)
    blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
    merits = np.concatenate([np.empty(0), *(aim.merits(surrogate.process.expect(block)) for block in blocks)])
    best = rows[np.argsort(-merits, kind="stable")[:_MOST]]
    numbers = [region.number_of(row) for row in best]
    return [RankedRow(number, found) for number, found in zip(numbers, surrogate.predict(best), strict=True)]

"""What an experiment has learnt from earlier ones."""

from collections.abc import Iterator

from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import HealthNote

_LITTLE = 0.15  # of a response's usual deviation: what changes it by less hardly counts


def earlier_weights(fitted: Fitted) -> dict[str, list[tuple[float, float] | None]]:
    """Return by response the weight of each earlier experiment, with its standard deviation.

    The weight is None for an experiment that did not measure the response.
    """
    found = {}
    for name, surrogate in fitted.surrogates.items():
        means, sds = surrogate.process.earlier_weights()
        learnt = zip(means.tolist(), sds.tolist(), strict=True)
        found[name] = [next(learnt) if has_measured else None for has_measured in _have_measured(fitted, name)]
    return found


def learning_nothing(fitted: Fitted) -> Iterator[HealthNote]:
    """Find the earlier experiments that change nothing: their weight, or what they predict, is next to nothing."""
    for name, surrogate in fitted.surrogates.items():
        earlier = surrogate.process.earlier
        if earlier is None:
            continue
        means, sds = surrogate.process.earlier_weights()
        changes = (abs(means) + sds) * earlier.predictions(surrogate.process.rows).std(axis=0)
        told = [one for one, has in zip(fitted.given.earlier, _have_measured(fitted, name), strict=True) if has]
        for one, change in zip(told, changes.tolist(), strict=True):
            if change < _LITTLE and len(surrogate.index) > 1:
                yield HealthNote(
                    "earlier_tells_nothing",
                    f"what {one.name} measured tells nothing of {name}",
                    "nothing has to be done, as it hardly counts; leave it out of the next experiment like this one",
                    name,
                )


def _have_measured(fitted: Fitted, name: str) -> list[bool]:
    """Return which of the earlier experiments have measured a response."""
    return [any(name in run.responses for run in one.runs) for one in fitted.given.earlier]

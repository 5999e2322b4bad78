"""Whether a value that was told is so far from what was to be expected that it may be a slip, such as 80 for 0.80."""

from collections.abc import Mapping, Sequence

from autotune.errors import AutotuneError
from autotune.experiment import Experiment
from autotune.values import number_text, spread_text
from autotune.views.shown import Observation
from autotune_wire.suggestions import Predicted

MAX_COMPARED = 1000
"""With how many observations at most a value without a prediction is compared: reading more takes seconds."""

_FEWEST = 4
"""How many values must be known: fewer do not show how much the values differ."""
_SDS = 10.0
_RANGES = 3.0
_RANGES_UNPREDICTED = 10.0


def far_off_values(experiment: Experiment, observation: Observation, predictions: Mapping[str, Predicted]) -> list[str]:
    """Say which values of an observation lie far outside what was predicted and all that was measured.

    Other observations are fetched only if a value is not as it was predicted. If they cannot be fetched, nothing is
    said: the observation is stored, and an error would suggest that it is not.

    Args:
        experiment: The experiment.
        observation: The observation, which is stored already.
        predictions: The predictions for its configuration, by response; empty if there were none.

    Returns:
        A sentence for each such value, without its full stop.
    """
    unexpected = {
        name: value for name, value in observation.responses.items() if _is_unexpected(value, predictions.get(name))
    }
    if not unexpected:
        return []
    try:
        if not predictions and experiment.state().n_observations > MAX_COMPARED:
            return []
        stored = experiment.observations()
    except AutotuneError:
        return []
    others = [
        other for other in stored if not other.is_excluded and other.observation_uuid != observation.observation_uuid
    ]
    found = []
    for name, value in unexpected.items():
        known = [other.responses[name] for other in others if name in other.responses]
        text = far_off(value, predictions.get(name), known)
        if text is not None:
            found.append(f"{name} {text}" if len(experiment.responses) > 1 else text)
    return found


def far_off(value: float, predicted: Predicted | None, others: Sequence[float]) -> str | None:
    """Say that a value lies far outside what the model expects and all that was measured.

    The value must lie more than ten standard deviations from its prediction. Responses with heavy tails often bring a
    value beyond all others, so the value must also lie beyond their range by three times this range; if there is no
    prediction, by ten times the range or the largest of them. If all of them have one sign, the value must lie beyond
    them by more than their ratio, too.

    Args:
        value: The value of one response.
        predicted: The prediction for its configuration, if there was one.
        others: All other values of this response.

    Returns:
        The sentence, without its full stop; None if the value is not far off, or fewer than four others are known.
    """
    if len(others) < _FEWEST or not _is_unexpected(value, predicted):
        return None
    low, high = min(others), max(others)
    largest = max(abs(low), abs(high))
    if predicted is None:
        room, expected = _RANGES_UNPREDICTED * max(high - low, largest), ""
    else:
        room = _RANGES * (high - low or largest)
        expected = f"what the model expects here ({spread_text(predicted.mean, predicted.sd)}) and "
    if room == 0 or low - room <= value <= high + room or _is_within_ratio(value, low, high):
        return None
    measured = f"all that was measured ({number_text(low)} to {number_text(high)})"
    return f"{number_text(value)} lies far outside {expected}{measured}"


def _is_unexpected(value: float, predicted: Predicted | None) -> bool:
    return predicted is None or abs(value - predicted.mean) > _SDS * predicted.sd


def _is_within_ratio(value: float, low: float, high: float) -> bool:
    if low < 0:
        value, low, high = -value, -high, -low
    return low > 0 and low <= value <= high * (high / low)

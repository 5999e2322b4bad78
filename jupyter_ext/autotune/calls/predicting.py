"""Predictions of the model for configurations."""

from collections.abc import Mapping, Sequence
from typing import Any

from autotune.errors import InvalidInputError, ServiceError
from autotune.inputs.checks import checked
from autotune.inputs.told import Run, configuration_of
from autotune.transport.connection import Connection
from autotune.values import is_missing
from autotune.views.shown import Suggestion
from autotune_wire import experiments
from autotune_wire.base import Configuration
from autotune_wire.insights import MAX_PREDICT, Predict, PredictReply
from autotune_wire.paths import EXPERIMENT_PREDICT
from autotune_wire.suggestions import Predicted

Configurations = Run | Sequence[Run] | Any
"""One configuration or suggestion, several, or a pandas DataFrame with a column for each covariate."""


def predict(
    connection: Connection, experiment: experiments.Experiment, configurations: Configurations
) -> tuple[list[Configuration], list[dict[str, Predicted]]]:
    """Fetch predictions, up to 1000 configurations at a time.

    Returns:
        The configurations, and for each configuration the prediction of each response.

    Raises:
        InvalidInputError: If ``configurations`` holds anything else than configurations.
    """
    found = _configurations(configurations, list(experiment.covars))
    path = EXPERIMENT_PREDICT.format(exp_uuid=experiment.exp_uuid)
    predictions: list[dict[str, Predicted]] = []
    for start in range(0, len(found), MAX_PREDICT):
        with checked(f"the list of configurations from {start} on" if start else "the list of configurations"):
            body = Predict(configurations=found[start : start + MAX_PREDICT])
        try:
            predictions += connection.post(path, PredictReply, body).predictions
        except ServiceError as error:
            if start:
                error.add_note(f"configurations.0 is the configuration at index {start} of those given")
            raise
    return found, predictions


def _configurations(given: Configurations, names: Sequence[str]) -> list[Any]:
    if hasattr(given, "columns") and hasattr(given, "to_dict"):
        # The table of history() has other columns too, and empty cells for covariates that are not active.
        return [
            configuration_of({name: row[name] for name in names if name in row and not is_missing(row[name])})
            for row in given.to_dict("records")
        ]
    if isinstance(given, Suggestion | Mapping) or getattr(given, "ndim", None) == 1:
        return [configuration_of(given)]
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise InvalidInputError(f"predict takes configurations, not {type(given).__name__}")
    found = [configuration_of(run) for run in given]
    if not found:
        raise InvalidInputError("predict needs at least one configuration")
    return found

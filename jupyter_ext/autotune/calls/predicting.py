"""Predictions of the model for configurations."""

from collections.abc import Mapping, Sequence
from typing import Any

from autotune.errors import InvalidInputError, ServiceError
from autotune.inputs.checks import check_index, checked
from autotune.inputs.told import Run, configuration_of
from autotune.transport.caller import Caller
from autotune.values import is_missing
from autotune.views.shown import Suggestion
from autotune_wire import experiments
from autotune_wire.base import Configuration
from autotune_wire.insights import MAX_PREDICT, Predict, PredictReply
from autotune_wire.paths import EXPERIMENT_PREDICT
from autotune_wire.suggestions import Predicted
from autotune_wire.told_columns import columns_of

Configurations = Run | Sequence[Run] | Any
"""One configuration or suggestion, several, or a pandas DataFrame with a column for each covariate."""


async def predict(
    connection: Caller, experiment: experiments.Experiment, configurations: Configurations
) -> tuple[list[Configuration], list[dict[str, Predicted]], list[str | None]]:
    """Fetch predictions, up to 1000 configurations at a time.

    Returns:
        The configurations, for each the prediction of each response, and for each why it would not be suggested, None
        if it may be.

    Raises:
        InvalidInputError: If ``configurations`` holds anything else than configurations.
    """
    found = _configurations(configurations, experiment)
    path = EXPERIMENT_PREDICT.format(exp_uuid=experiment.exp_uuid)
    predictions: list[dict[str, Predicted]] = []
    why_not: list[str | None] = []
    for start in range(0, len(found), MAX_PREDICT):
        with checked(f"the list of configurations from {start} on" if start else "the list of configurations"):
            body = Predict(configurations=found[start : start + MAX_PREDICT])
        try:
            reply = await connection.send(path, PredictReply, body)
        except ServiceError as error:
            if start:
                error.add_note(f"configurations.0 is the configuration at index {start} of those given")
            raise
        predictions += reply.predictions
        # An older service sends no reasons.
        why_not += reply.why_not or [None] * len(reply.predictions)
    return found, predictions, why_not


def _configurations(given: Configurations, experiment: experiments.Experiment) -> list[Any]:
    space = experiment.covars
    if hasattr(given, "columns") and hasattr(given, "to_dict"):
        # The table of history() has other columns too, other names for covariates that are called like one of them, and
        # empty cells for covariates that are not active.
        check_index(given, space)
        named = columns_of(space, list(experiment.responses)).covars
        columns = {name: column if column in given.columns else name for name, column in named.items()}
        return [
            configuration_of(
                {name: row[column] for name, column in columns.items() if not is_missing(row.get(column))}, space
            )
            for row in given.to_dict("records")
        ]
    if isinstance(given, Suggestion | Mapping) or getattr(given, "ndim", None) == 1:
        return [configuration_of(given, space)]
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise InvalidInputError(f"predict takes configurations, not {type(given).__name__}")
    found = [configuration_of(run, space) for run in given]
    if not found:
        raise InvalidInputError("predict needs at least one configuration")
    return found

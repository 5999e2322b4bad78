"""Which models and acquisition functions of greattunes go together; this module loads neither torch nor greattunes."""

from autotune_wire.experiments import AcqFunc, ModelType

DEFAULT_ACQUISITION: AcqFunc = "ExpectedImprovement"
_NEEDS_KNOWN_NOISE = (
    "NoisyExpectedImprovement needs a model with known noise, FixedNoiseGP or HeteroskedasticSingleTaskGP; "
    "qNoisyExpectedImprovement runs with every model"
)
REFUSED: dict[tuple[ModelType, AcqFunc], str] = {
    ("SingleTaskGP", "NoisyExpectedImprovement"): _NEEDS_KNOWN_NOISE,
    ("SimpleCustomMaternGP", "NoisyExpectedImprovement"): _NEEDS_KNOWN_NOISE,
}
"""The combinations that cannot run, and why; BoTorch 0.2 refused them with UnsupportedError, as BoTorch does today."""


class UnsupportedCombinationError(ValueError):
    """A model and an acquisition function that do not go together."""


def check_combination(model_type: ModelType, acq_func: AcqFunc) -> None:
    """Check that a model and an acquisition function go together.

    Raises:
        UnsupportedCombinationError: If they do not; the message names combinations that do.
    """
    why = REFUSED.get((model_type, acq_func))
    if why is not None:
        raise UnsupportedCombinationError(why)

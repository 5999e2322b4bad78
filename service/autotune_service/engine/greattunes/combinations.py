"""Which of greattunes' models and acquisitions go together; importing this loads neither torch nor greattunes."""

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
"""What cannot run, by model and acquisition, and why; BoTorch raises UnsupportedError, then as today."""


class UnsupportedCombinationError(ValueError):
    """A model and an acquisition that do not go together."""


def check_combination(model_type: ModelType, acq_func: AcqFunc) -> None:
    """Refuse a model and an acquisition that do not go together.

    Raises:
        UnsupportedCombinationError: If they do not; the message says what does.
    """
    why = REFUSED.get((model_type, acq_func))
    if why is not None:
        raise UnsupportedCombinationError(why)

"""Search spaces of other libraries: scikit-learn's ``param_distributions`` and Optuna's distributions.

Neither library is imported: a distribution is known by its class and read by its public attributes.
"""

import math
from collections.abc import Sequence
from typing import Any

from autotune.inputs.guessing import with_guess
from autotune.values import plain

_LOG_UNIFORM = ("loguniform", "reciprocal")
_UNIFORM = ("uniform", "randint", *_LOG_UNIFORM)


def covariate_of_distribution(given: Any) -> dict[str, Any] | None:
    """Read a distribution or a list of options.

    Args:
        given: A distribution of Optuna, a frozen distribution of ``scipy.stats`` as scikit-learn takes them, or a list
            (a numpy array, a tuple) of options.

    Returns:
        The description of the covariate; None if ``given`` is none of these.

    Raises:
        ValueError: If the distribution cannot be searched; the message says what to give instead.
    """
    if _is_of(given, "optuna"):
        return with_guess(_of_optuna(given))
    if hasattr(given, "dist") and callable(getattr(given, "support", None)):
        return with_guess(_of_scipy(given))
    options = plain(given.tolist() if hasattr(given, "tolist") and not hasattr(given, "columns") else given)
    if isinstance(options, Sequence) and not isinstance(options, str):
        return with_guess(_of_options(list(options)))
    return None


def _of_optuna(given: Any) -> dict[str, Any]:
    kind = type(given).__name__
    if kind == "CategoricalDistribution":
        return _of_options(list(given.choices))
    if kind not in {"FloatDistribution", "IntDistribution"}:
        raise ValueError(f"is a {kind}; give a FloatDistribution, IntDistribution or CategoricalDistribution")
    is_whole = kind == "IntDistribution"
    covariate = {"vtype": "int" if is_whole else "cont", "min": given.low, "max": given.high}
    if given.log:
        return {**covariate, "log": True}
    has_step = given.step is not None and not (is_whole and given.step == 1)
    return {**covariate, "step": given.step} if has_step else covariate


def _of_scipy(given: Any) -> dict[str, Any]:
    name = given.dist.name
    low, high = map(plain, given.support())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"is the distribution {name}, which has no bounds; give a range, as by uniform or loguniform")
    if name not in _UNIFORM:
        raise ValueError(
            f"is the distribution {name}; give uniform, loguniform or randint over its range, {low:g} to {high:g}"
        )
    if name == "randint":
        return {"vtype": "int", "min": int(low), "max": int(high)}
    covariate = {"vtype": "cont", "min": float(low), "max": float(high)}
    return {**covariate, "log": True} if name in _LOG_UNIFORM else covariate


def _of_options(options: list[Any]) -> dict[str, Any]:
    if options and all(isinstance(option, str) for option in options):
        return {"vtype": "cat", "options": options}
    if options and all(isinstance(option, int | float) and not isinstance(option, bool) for option in options):
        return {"vtype": "cat", "options": sorted(options), "ordered": True}
    raise ValueError(
        "must be options that are all texts or all numbers; give None, True and others as texts, "
        "and have your function translate them"
    )


def _is_of(given: Any, package: str) -> bool:
    return type(given).__module__.partition(".")[0] == package

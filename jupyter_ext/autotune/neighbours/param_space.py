"""Spaces of scikit-learn and Optuna as covariates, and the values of a suggestion as their parameters."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from autotune.errors import InvalidInputError
from autotune.inputs.distributions import covariate_of_distribution
from autotune.values import plain
from autotune_wire.base import MAX_NAME_LENGTH, Configuration

WHICH = "param_distributions"
"""The covariate that chooses between several dicts of distributions."""

_TAIL = 0.001
"""Share of a distribution without bounds that lies beyond each end of the range that is searched."""


class ParamSpace:
    """The space that distributions of parameters describe.

    Optuna's distributions are taken as they are. A distribution of ``scipy.stats`` becomes a range; one without bounds,
    such as ``expon``, the range between its quantiles 0.001 and 0.999. A list becomes options: numbers are steps of a
    scale, and anything else is shown as a text. Of several dicts, a covariate chooses one, and only its parameters are
    active then.

    Attributes:
        covars: The covariates, as ``Client.new`` takes them.
        params: The parameter of each covariate.

    Args:
        distributions: What ``RandomizedSearchCV`` takes: a dict, or a list of dicts; or Optuna's distributions.
        current: Values of parameters that are tried first, where they lie in the space.
        name: What the distributions are called in messages.

    Raises:
        InvalidInputError: If a parameter has neither a distribution nor a list of values; the message names it.
    """

    def __init__(
        self, distributions: Any, current: Mapping[str, Any] = MappingProxyType({}), name: str = "param_distributions"
    ) -> None:
        parts = [distributions] if isinstance(distributions, Mapping) else list(distributions)
        self._name = name
        self.covars: dict[str, Any] = {}
        self.params: dict[str, str] = {}
        self._values: dict[str, dict[Any, Any]] = {}  # behind the options of each covariate that is a choice
        self._fixed: list[dict[str, Any]] = [{} for _ in parts]
        if len(parts) > 1:
            options = [str(index) for index in range(len(parts))]
            self.covars[WHICH] = {"vtype": "cat", "options": options, "guess": "0"}
        for index, part in enumerate(parts):
            for param, distribution in part.items():
                self._add(param, distribution, index if len(parts) > 1 else None, current)

    def params_of(self, configuration: Configuration) -> dict[str, Any]:
        """Return the parameters of the estimator that a configuration stands for."""
        params = dict(self._fixed[int(configuration.get(WHICH, 0))])
        for name, value in configuration.items():
            if name in self.params:
                params[self.params[name]] = self._values[name][value] if name in self._values else value
        return params

    def covars_of(self, params: Mapping[str, Any]) -> Configuration:
        """Return the configuration that stands for parameters, for a space of a single dict.

        Raises:
            KeyError: If a parameter has no value among its options, or no parameter of this name is known.
        """
        return {name: self._option_of(name, params[param]) for name, param in self.params.items() if param in params}

    def _option_of(self, name: str, value: Any) -> Any:
        if name not in self._values:
            return plain(value)
        for option, own in self._values[name].items():
            # 1 is equal to True, and is another option.
            if own is value or (type(own) is type(value) and own == value):
                return option
        raise KeyError(f"{value!r} is no option of {name}")

    def _add(self, param: str, distribution: Any, index: int | None, current: Mapping[str, Any]) -> None:
        try:
            covariate, values = _covariate(distribution)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{self._name}: the values of {param}: {error}") from None
        if values is not None and len(values) == 1:
            self._fixed[index or 0] |= dict.fromkeys([param], *values.values())
            return
        name = param if index is None else f"{param} [{index}]"
        self.params[name] = param
        if values is not None:
            self._values[name] = values
        guess = _guess(current.get(param), covariate, values)
        condition = {} if index is None else {"active_if": {"covariate": WHICH, "values": [str(index)]}}
        self.covars[name] = {**covariate, **condition, **({} if guess is None else {"guess": guess})}


def _covariate(distribution: Any) -> tuple[dict[str, Any], dict[Any, Any] | None]:
    """Describe the covariate of a parameter, and the values behind its options if it is a choice."""
    if type(distribution).__name__ in {"FloatDistribution", "IntDistribution"}:
        covariate = covariate_of_distribution(distribution) or {}
        single = covariate["min"] == covariate["max"]
        return covariate, {covariate["min"]: covariate["min"]} if single else None
    if type(distribution).__name__ == "CategoricalDistribution":
        distribution = distribution.choices
    if hasattr(distribution, "dist") and callable(getattr(distribution, "support", None)):
        try:
            return covariate_of_distribution(distribution) or {}, None
        except ValueError:
            return _range_of(distribution), None
    values = list(distribution) if isinstance(distribution, Sequence) or hasattr(distribution, "tolist") else []
    if isinstance(distribution, str) or not values:
        raise ValueError(f"give a distribution of scipy.stats or a list of values, not {distribution!r}")
    options: list[Any] = [plain(value) for value in values]
    if not _are_plain(options):
        options = _texts(values)
    by_option = dict(zip(options, values, strict=True))
    return covariate_of_distribution(list(by_option)) or {}, by_option


def _range_of(distribution: Any) -> dict[str, Any]:
    low, high = (float(distribution.ppf(share)) for share in (_TAIL, 1 - _TAIL))
    # A discrete distribution has a probability mass function in place of a density.
    if hasattr(distribution.dist, "pmf"):
        return {"vtype": "int", "min": int(low), "max": int(high), "guess": int(distribution.median())}
    return {"vtype": "cont", "min": low, "max": high, "guess": float(distribution.median())}


def _are_plain(options: Sequence[Any]) -> bool:
    are_texts = all(isinstance(option, str) and option.strip() and len(option) <= MAX_NAME_LENGTH for option in options)
    return are_texts or all(type(option) in {int, float} and math.isfinite(option) for option in options)


def _texts(values: Sequence[Any]) -> list[str]:
    """Write each value as a text that no other value has."""
    texts: list[str] = []
    for value in values:
        text = " ".join(str(value).split())[: MAX_NAME_LENGTH - 10] or "''"
        texts.append(f"{text} ({len(texts)})" if text in texts else text)
    return texts


def _guess(current: Any, covariate: Mapping[str, Any], values: Mapping[Any, Any] | None) -> Any:
    """Return the estimator's own value where the covariate can have it; None where it cannot."""
    if values is not None:
        named = isinstance(current, str | int | float)
        same = (option for option, value in values.items() if value is current or (named and plain(value) == current))
        return next(same, None)
    own = plain(current)
    is_number = type(own) is int or (type(own) is float and covariate["vtype"] == "cont")
    return own if is_number and covariate["min"] <= own <= covariate["max"] else None

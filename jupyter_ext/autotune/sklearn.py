"""A search for the parameters of a scikit-learn estimator, in place of ``RandomizedSearchCV``.

    from autotune.sklearn import AutotuneSearchCV

    search = AutotuneSearchCV(SVC(), {"C": loguniform(1e-2, 1e3), "kernel": ["rbf", "linear"]}, n_iter=30)
    search.fit(X, y)

scikit-learn must be installed: ``pip install "autotune-bo[sklearn]"``.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from joblib import effective_n_jobs
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import RandomizedSearchCV
from sklearn.utils import check_random_state

from autotune.client import Client, connect
from autotune.errors import AutotuneError, InvalidInputError
from autotune.experiment import Experiment
from autotune.neighbours.param_space import ParamSpace
from autotune.views.shown import Suggestion

Evaluate = Callable[..., Mapping[str, Any]]


class AutotuneSearchCV(RandomizedSearchCV):  # type: ignore[misc]  # scikit-learn is untyped
    """A search that tries the parameters that AutoTune suggests, scored by cross-validation.

    The arguments and attributes are those of ``RandomizedSearchCV``, with two differences. Candidates are evaluated in
    turn, or so many at a time as keep ``n_jobs`` busy, because each suggestion follows from the scores so far. And a
    candidate of which every fit failed has no row in ``cv_results_``; the experiment has it as a failed run.

    Args:
        estimator: The estimator to tune. The parameters that it has are tried first, where they are in the space.
        param_distributions: A distribution of ``scipy.stats`` or a list of values for each parameter, or a list of such
            dicts.
        n_iter: How many candidates are tried.
        scoring: As for ``RandomizedSearchCV``. With several metrics the search is for the best in the one that
            ``refit`` names; where ``refit`` is False or a function, for the best trade-offs between all, up to four.
        n_jobs: How many fits run at the same time.
        refit: As for ``RandomizedSearchCV``.
        cv: As for ``RandomizedSearchCV``; all candidates are scored on the same splits.
        verbose: As for ``RandomizedSearchCV``.
        pre_dispatch: As for ``RandomizedSearchCV``.
        random_state: The seed of the suggestions.
        error_score: As for ``RandomizedSearchCV``. With NaN a candidate that was not scored is told as a failed run,
            from which the model learns where runs fail; a number is told as the score.
        return_train_score: As for ``RandomizedSearchCV``.
        client: The connection to the service; if not given, ``autotune.connect()`` opens one as the environment says.
        name: The name of the experiment; if not given, that of the estimator's class.

    Attributes:
        experiment_: The experiment, for ``insights()``, ``history()`` and all else.
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 -- scikit-learn's own form
        **RandomizedSearchCV._parameter_constraints,
        "client": [Client, None],
        "name": [str, None],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = math.nan,
        return_train_score: bool = False,
        client: Client | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            random_state=random_state,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.client = client
        self.name = name

    def _run_search(self, evaluate_candidates: Evaluate) -> None:
        space = ParamSpace(self.param_distributions, self.estimator.get_params())
        self.experiment_ = self._new_experiment(space)
        splits = _SameSplits(self._checked_cv_orig)
        n_at_once = math.ceil(effective_n_jobs(self.n_jobs) / self.n_splits_)
        n_told, has_results, failure = 0, False, None
        while n_told < self.n_iter:
            suggestions = self.experiment_.ask(min(n_at_once, self.n_iter - n_told))
            candidates = [space.params_of(suggestion.covars) for suggestion in suggestions]
            try:
                results = evaluate_candidates(candidates, cv=splits)
                told = list(_scores(results, len(suggestions), self._metrics()))
            except ValueError as error:
                if self.error_score == "raise" or isinstance(error, InvalidInputError):
                    _abandon(self.experiment_, suggestions, error)
                    raise
                # scikit-learn raises where every fit of a call failed, which says something of these candidates alone.
                failure, told = error, [{}] * len(suggestions)
                warnings.warn(str(error), FitFailedWarning, stacklevel=2)
            except BaseException as error:
                _abandon(self.experiment_, suggestions, error)
                raise
            else:
                has_results = True
            for suggestion, measured in zip(suggestions, told, strict=True):
                _tell(self.experiment_, suggestion, measured)
            n_told += len(suggestions)
        if failure is not None and not has_results:
            raise failure

    def _new_experiment(self, space: ParamSpace) -> Experiment:
        client = connect() if self.client is None else self.client
        if not space.covars:
            raise InvalidInputError("param_distributions: at least one parameter must have more than one value")
        return client.new(
            self.name or type(self.estimator).__name__,
            space.covars,
            responses=dict.fromkeys(self._metrics(), "maximize"),
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            say=None,
        )

    def _metrics(self) -> list[str]:
        """List the metrics that are searched for: several where ``refit`` names none of them."""
        if isinstance(self.scoring, list | tuple | set | Mapping):
            return [self.refit] if isinstance(self.refit, str) else list(self.scoring)
        return [self.refit] if callable(self.scoring) and isinstance(self.refit, str) else ["score"]


class _SameSplits:
    """The splits of another splitter, drawn once: candidates of later calls are scored on them, too."""

    def __init__(self, cv: Any) -> None:
        self._cv = cv
        self._splits: list[Any] | None = None

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Any]:  # noqa: N803 -- scikit-learn's own names
        if self._splits is None:
            self._splits = list(self._cv.split(X, y, **params))
        return self._splits


def _scores(results: Mapping[str, Any], n: int, metrics: Sequence[str]) -> Iterator[dict[str, float]]:
    """Yield the scores of the last ``n`` candidates, without those that are not finite."""
    columns = {metric: results.get(f"mean_test_{metric}") for metric in metrics}
    unknown = [metric for metric, column in columns.items() if column is None]
    if unknown:
        known = ", ".join(name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_"))
        raise InvalidInputError(f"scoring gives no {unknown[0]}: name the metric to search for in refit, of {known}")
    for index in range(-n, 0):
        row = {metric: float(column[index]) for metric, column in columns.items() if column is not None}
        yield {metric: score for metric, score in row.items() if math.isfinite(score)}


def _tell(experiment: Experiment, suggestion: Suggestion, measured: dict[str, float]) -> None:
    if measured:
        experiment.tell(suggestion, measured)
    else:
        experiment.fail(suggestion)


def _abandon(experiment: Experiment, suggestions: Sequence[Suggestion], error: BaseException) -> None:
    for suggestion in suggestions:
        with suppress(AutotuneError):
            experiment.abandon(suggestion, f"the search ended with {type(error).__name__}")

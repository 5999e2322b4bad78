import pickle

import numpy as np
import pytest
from fake_service import FakeService
from joblib import parallel_config
from scipy.stats import loguniform, randint
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from autotune.errors import InvalidInputError
from autotune.sklearn import AutotuneSearchCV

X, Y = make_classification(n_samples=60, random_state=0)
SPACE = {"C": loguniform(1e-2, 1e2), "kernel": ["linear", "rbf"]}

# What RandomizedSearchCV itself does not pass: scikit-learn's own list of expected failures has it, too.
NOT_OF_PIPELINES = {"check_supervised_y_2d": "DataConversionWarning not caught"}


def _searches():
    # As scikit-learn instantiates RandomizedSearchCV for its own tests.
    options = {"cv": 2, "error_score": "raise", "n_iter": 2, "random_state": 0, "client": FakeService().client()}
    yield AutotuneSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **options)
    pipeline = Pipeline([("pca", PCA()), ("ridge", Ridge())])
    yield AutotuneSearchCV(pipeline, {"ridge__alpha": [0.1, 1.0]}, **options)


@parametrize_with_checks(
    list(_searches()),
    expected_failed_checks=lambda search: NOT_OF_PIPELINES if isinstance(search.estimator, Pipeline) else {},
)
def test_search_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture
def search(client):
    return AutotuneSearchCV(SVC(), SPACE, n_iter=4, cv=3, random_state=1, client=client)


def test_search_tells_the_score_of_each_candidate(search, service):
    search.fit(X, Y)
    assert [run["response"] for run in service.runs] == list(search.cv_results_["mean_test_score"])
    assert search.cv_results_["params"] == [dict(run["covars"]) for run in service.runs]
    assert search.best_score_ == max(run["response"] for run in service.runs)
    assert search.predict(X).shape == Y.shape
    assert search.experiment_.best.response == search.best_score_
    assert search.experiment_.name == "SVC"


def test_search_tries_the_estimator_s_own_parameters_first(service, client):
    AutotuneSearchCV(SVC(C=3.0), SPACE, n_iter=1, cv=2, client=client).fit(X, Y)
    assert service.runs[0]["covars"] == {"C": 3.0, "kernel": "rbf"}


def test_search_connects_as_the_environment_says(service, monkeypatch):
    monkeypatch.setattr("autotune.sklearn.connect", service.client)
    AutotuneSearchCV(SVC(), SPACE, n_iter=1, cv=2).fit(X, Y)
    assert len(service.runs) == 1


def test_random_state_is_the_experiment_s_seed(client, service):
    for state in (7, 7, 8):
        AutotuneSearchCV(SVC(), SPACE, n_iter=1, cv=2, random_state=state, client=client).fit(X, Y)
    first, same, other = (experiment["seed"] for experiment in service.experiments.values())
    assert first == same != other


def test_search_with_jobs_takes_as_many_candidates_as_keep_them_busy(client, service):
    with parallel_config("threading"):
        AutotuneSearchCV(SVC(), SPACE, n_iter=5, cv=2, n_jobs=3, client=client).fit(X, Y)
    asks = [body for (_, path), body in zip(service.calls, service.bodies, strict=True) if "/ask/" in path]
    assert [b'"n":2' in body.replace(b" ", b"") for body in asks] == [True, True, False]
    assert len(service.runs) == 5


def test_several_metrics_are_searched_for_the_one_of_refit(client, service):
    search = AutotuneSearchCV(
        SVC(), SPACE, n_iter=3, cv=2, scoring=["accuracy", "recall"], refit="recall", client=client
    ).fit(X, Y)
    assert [run["responses"] for run in service.runs] == [
        {"recall": score} for score in search.cv_results_["mean_test_recall"]
    ]
    assert search.best_score_ == max(search.cv_results_["mean_test_recall"])
    assert "mean_test_accuracy" in search.cv_results_


def test_several_metrics_without_refit_are_several_objectives(client, service):
    AutotuneSearchCV(SVC(), SPACE, n_iter=2, cv=2, scoring=["accuracy", "recall"], refit=False, client=client).fit(X, Y)
    assert [set(run["responses"]) for run in service.runs] == [{"accuracy", "recall"}] * 2


def test_scoring_function_of_several_metrics_needs_a_name(client):
    def scoring(estimator, X, y):  # noqa: N803 -- scikit-learn's own names
        return {"hits": estimator.score(X, y), "others": 0.0}

    arguments = {"n_iter": 2, "cv": 2, "scoring": scoring, "client": client}
    assert AutotuneSearchCV(SVC(), SPACE, refit="hits", **arguments).fit(X, Y).best_score_ > 0.5
    with pytest.raises(InvalidInputError, match="of hits, others"):
        AutotuneSearchCV(SVC(), SPACE, refit=False, **arguments).fit(X, Y)


class Picky(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    def __init__(self, level=1):
        self.level = level

    def fit(self, X, y=None):  # noqa: N803
        if self.level > 1:
            raise RuntimeError("too much")
        return self

    def score(self, X, y=None):  # noqa: N803
        return 1.0 if self.level else np.nan


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_candidate_that_cannot_be_fitted_is_told_as_failed(client, service):
    search = AutotuneSearchCV(Picky(), {"level": randint(0, 9)}, n_iter=12, cv=2, client=client)
    with pytest.warns(FitFailedWarning, match="too much"):
        search.fit(X, Y)
    told = {run["covars"]["level"]: run["status"] for run in service.runs}
    assert {status for level, status in told.items() if level != 1} == {"failed"}
    assert told[1] == "ok"
    assert search.best_params_ == {"level": 1}
    assert len(service.runs) == 12


def test_search_without_any_fit_ends_with_the_error_of_the_last(client, service):
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match="too much"):
        AutotuneSearchCV(Picky(2), {"level": [2, 3]}, n_iter=3, cv=2, client=client).fit(X, Y)
    assert [run["status"] for run in service.runs] == ["failed"] * 3


def test_error_that_is_to_be_raised_abandons_the_candidate(client, service):
    with pytest.raises(RuntimeError, match="too much"):
        AutotuneSearchCV(Picky(2), {"level": [2, 3]}, cv=2, error_score="raise", client=client).fit(X, Y)
    assert [one["state"] for one in service.suggestions.values()] == ["abandoned"]


def test_all_candidates_are_scored_on_the_same_splits(client):
    search = AutotuneSearchCV(
        Ridge(), {"alpha": [1.0, 1.0 + 1e-12]}, n_iter=4, cv=KFold(3, shuffle=True), client=client
    )
    search.fit(X, Y)
    assert np.ptp(search.cv_results_["mean_test_score"]) < 1e-9


def test_search_that_was_fitted_can_be_cloned_and_pickled(search):
    search.fit(X, Y)
    assert clone(search).n_iter == 4
    again = pickle.loads(pickle.dumps(search))
    assert again.best_params_ == search.best_params_
    assert again.experiment_.exp_uuid == search.experiment_.exp_uuid


def test_bad_arguments_are_refused(client):
    with pytest.raises(InvalidInputError, match="the values of C: give a distribution"):
        AutotuneSearchCV(SVC(), {"C": 3.0}, client=client).fit(X, Y)
    with pytest.raises(ValueError, match="'n_iter' parameter"):
        AutotuneSearchCV(SVC(), SPACE, n_iter=0, client=client).fit(X, Y)
    with pytest.raises(InvalidInputError, match="more than one value"):
        AutotuneSearchCV(SVC(), {"C": [1.0]}, client=client).fit(X, Y)

import pickle

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from autotune.optuna import AutotunePruner, AutotuneSampler

SPACE = {"a": FloatDistribution(0, 1), "b": IntDistribution(1, 8), "c": CategoricalDistribution([None, True, "x"])}


def _objective(trial):
    trial.suggest_categorical("c", [None, True, "x"])
    return trial.suggest_float("a", 0, 1) + trial.suggest_int("b", 1, 8)


@pytest.fixture
def sampler(client):
    return AutotuneSampler(SPACE, client=client)


def _study(sampler, **options):
    return optuna.create_study(sampler=sampler, **options)


def _as_told(params):
    return {**params, "c": str(params["c"])}


def test_study_samples_through_the_service_and_tells_it(sampler, service):
    study = _study(sampler, study_name="cookies", direction="maximize")
    study.optimize(_objective, n_trials=4)
    assert [run["covars"] for run in service.runs] == [_as_told(trial.params) for trial in study.trials]
    assert [run["response"] for run in service.runs] == [trial.value for trial in study.trials]
    assert [run["suggestion_uuid"] for run in service.runs] == list(service.suggestions)
    [experiment] = service.experiments.values()
    assert (experiment["name"], experiment["direction"]) == ("cookies", "maximize")
    assert {type(trial.params["c"]) for trial in study.trials} <= {type(None), bool, str}


def test_without_a_space_the_first_trial_is_random_and_its_run_is_told(client, service):
    study = _study(AutotuneSampler(client=client, seed=3))
    study.optimize(_objective, n_trials=3)
    assert [run["covars"] for run in service.runs] == [_as_told(trial.params) for trial in study.trials]
    assert [run["suggestion_uuid"] is None for run in service.runs] == [True, False, False]
    [experiment] = service.experiments.values()
    assert (experiment["seed"], experiment["direction"]) == (3, "minimize")


def test_study_that_is_loaded_again_goes_on_with_its_experiment(sampler, client, service):
    storage = optuna.storages.InMemoryStorage()
    _study(sampler, storage=storage, study_name="s").optimize(_objective, n_trials=2)
    again = optuna.load_study(study_name="s", storage=storage, sampler=AutotuneSampler(client=client))
    again.optimize(_objective, n_trials=2)
    assert len(service.experiments) == 1
    assert len(service.runs) == 4


def test_trial_that_fails_is_told_as_failed(sampler, service):
    def objective(trial):
        _objective(trial)
        raise ValueError

    _study(sampler).optimize(objective, n_trials=2, catch=ValueError)
    assert [run["status"] for run in service.runs] == ["failed"] * 2


def test_value_that_is_infinite_is_a_failed_run(sampler, service):
    _study(sampler).optimize(lambda trial: _objective(trial) + float("inf"), n_trials=1)
    assert [run["status"] for run in service.runs] == ["failed"]


@pytest.mark.parametrize("reported", [None, 0.75])
def test_trial_that_is_pruned_is_told_as_stopped_with_its_last_value_or_abandoned(sampler, service, reported):
    def objective(trial):
        _objective(trial)
        if reported is not None:
            trial.report(reported, 1)
        raise optuna.TrialPruned

    _study(sampler).optimize(objective, n_trials=1)
    [suggestion] = service.suggestions.values()
    assert suggestion["state"] == ("abandoned" if reported is None else "told")
    stops = [(run["stopped_step"], run["stopped_value"], run["response"]) for run in service.runs]
    assert stops == ([] if reported is None else [(1, reported, None)])


def test_pruner_reports_to_the_service_and_prunes_what_it_says(client, service):
    service.stops_below = 0.5

    def objective(trial):
        _objective(trial)
        for step, value in enumerate((0.75, 0.25)):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1.0

    sampler = AutotuneSampler(SPACE, client=client, early_stop="median")
    study = _study(sampler, pruner=AutotunePruner(sampler))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == TrialState.PRUNED
    assert [*service.reports.values()] == [{0: 0.75, 1: 0.25}]
    assert [run["stopped_step"] for run in service.runs] == [1]
    assert next(iter(service.experiments.values()))["early_stop"]["rule"] == "median"


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_study_of_several_objectives_names_them(sampler, service):
    study = _study(sampler, directions=["maximize", "minimize"])
    study.set_metric_names(["gain", "cost"])
    study.optimize(lambda trial: (_objective(trial), trial.number), n_trials=2)
    assert [run["responses"] for run in service.runs] == [
        {"gain": trial.values[0], "cost": trial.values[1]} for trial in study.trials
    ]
    [experiment] = service.experiments.values()
    assert {name: goal["goal"] for name, goal in experiment["responses"].items()} == {
        "gain": "maximize",
        "cost": "minimize",
    }


def test_study_in_threads_takes_a_suggestion_for_each_trial(sampler, service):
    study = _study(sampler)
    study.optimize(_objective, n_trials=8, n_jobs=4)
    assert len({run["suggestion_uuid"] for run in service.runs}) == 8
    assert len(service.experiments) == 1


def test_parameter_that_comes_later_is_sampled_at_random_and_not_told(sampler, service):
    def objective(trial):
        return _objective(trial) + trial.suggest_float("new", 0, 1)

    study = _study(sampler)
    study.optimize(objective, n_trials=2)
    assert all("new" in trial.params for trial in study.trials)
    assert all("new" not in run["covars"] for run in service.runs)


def test_ask_and_tell_of_optuna_work(sampler, service):
    study = _study(sampler)
    trial = study.ask(SPACE)
    study.tell(trial, 0.5)
    assert service.runs[0]["covars"] == _as_told(trial.params)
    study.tell(study.ask(SPACE), state=TrialState.FAIL)
    assert service.runs[1]["status"] == "failed"


def test_sampler_can_be_pickled(sampler):
    assert pickle.loads(pickle.dumps(sampler)).infer_relative_search_space(None, None) == SPACE

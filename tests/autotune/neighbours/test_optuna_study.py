from datetime import UTC, datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from autotune.errors import InvalidInputError

SPACE = {
    "t": {"vtype": "int", "guess": 40, "min": 20, "max": 60, "step": 5},
    "rate": {"vtype": "cont", "guess": 0.01, "min": 0.001, "max": 1.0, "log": True},
    "base": {"vtype": "cat", "guess": "KOH", "options": ["KOH", "NaOH"]},
}
RUN = {"t": 40, "rate": 0.1, "base": "KOH"}


@pytest.fixture
def experiment(client):
    return client.new("yields", SPACE)


def test_study_has_all_runs(experiment, service):
    experiment.tell(RUN, 3.0)
    experiment.tell({**RUN, "base": "NaOH"}, 5.0, sd=0.5)
    experiment.fail({**RUN, "t": 20})
    experiment.tell({**RUN, "t": 60}, 9.0)
    service.runs[3]["is_excluded"] = True
    study = experiment.to_optuna(study_name="yields")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL", "FAIL"]
    assert study.best_trial.params == {**RUN, "base": "NaOH"}
    assert (study.best_value, study.direction.name) == (5.0, "MAXIMIZE")
    assert study.trials[1].user_attrs == {"Response": 5.0, "sd Response": 0.5}
    assert study.trials[3].user_attrs["excluded"]
    assert study.trials[0].datetime_start.astimezone(UTC) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert study.trials[0].distributions == {
        "t": IntDistribution(20, 60, step=5),
        "rate": FloatDistribution(0.001, 1.0, log=True),
        "base": CategoricalDistribution(["KOH", "NaOH"]),
    }
    assert study.user_attrs == {"autotune_experiment": str(experiment.exp_uuid)}


def test_study_has_the_values_that_were_really_run(experiment, service):
    experiment.tell({"t": 62.5, "rate": 0.0001, "base": "LiOH"}, 1.0)
    service.runs[0]["outside"] = ["t", "rate", "base"]
    [trial] = experiment.to_optuna().trials
    assert trial.params == {"t": 62.5, "rate": 0.0001, "base": "LiOH"}
    assert trial.distributions["t"] == FloatDistribution(20, 62.5)


def test_run_that_was_stopped_early_is_a_pruned_trial(client, experiment):
    experiment.tell_stopped(RUN, 2.0, step=7)
    [trial] = experiment.to_optuna().trials
    assert (trial.state, trial.value, trial.intermediate_values) == (TrialState.PRUNED, 2.0, {7: 2.0})
    near = client.new("near", SPACE, responses={"pH": "= 7"})
    near.tell_stopped(RUN, {"pH": 6.5}, step=7)
    assert near.to_optuna().trials[-1].intermediate_values == {7: 0.5}


def test_study_of_several_goals(client):
    goals = {"pH": "= 7", "cost": "<= 5", "purity": ">= 0.9", "gain": "maximize"}
    experiment = client.new("goals", SPACE, responses=goals)
    experiment.tell(RUN, {"pH": 6.5, "cost": 4.0, "purity": 0.5, "gain": 2.0})
    experiment.tell(RUN, {"pH": 7.25, "cost": 5.0, "purity": 0.9, "gain": 1.0})
    experiment.tell(RUN, {"pH": 7.0, "cost": 5.0})
    study = experiment.to_optuna()
    first, second, third = study.trials
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert (first.values, second.values, third.values) == ([0.5, 2.0], [0.25, 1.0], None)
    assert first.system_attrs["constraints"] == pytest.approx([-1.0, 0.4])
    assert [trial.number for trial in study.best_trials] == [1]  # the first run breaks the bound of purity
    assert study.metric_names == ["pH", "gain"]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optuna_draws_and_weighs_the_study(experiment):
    for t in range(20, 60, 5):
        experiment.tell({**RUN, "t": t, "base": "KOH" if t % 2 else "NaOH"}, float(t))
    study = experiment.to_optuna()
    assert max(optuna.importance.get_param_importances(study)) == "t"
    axes = optuna.visualization.matplotlib.plot_slice(study, params=["t"])
    assert axes.get_xlabel() == "t"


def _trial(value=1.0, **params):
    known = {
        "a": FloatDistribution(0, 1),
        "kernel": CategoricalDistribution(["rbf", "poly", None]),
        "degree": IntDistribution(2, 5),
    }
    state = TrialState.FAIL if value is None else TrialState.COMPLETE
    return create_trial(state=state, value=value, params=params, distributions={name: known[name] for name in params})


def _study(*trials, **options):
    study = optuna.create_study(**options)
    study.add_trials(trials)
    return study


def test_experiment_goes_on_from_a_study(client, service):
    said = []
    pruned = create_trial(state=TrialState.PRUNED, params={"a": 0.5}, distributions={"a": FloatDistribution(0, 1)})
    trials = [_trial(0.5, a=0.25), _trial(None, a=0.75), pruned, _trial(None)]
    study = _study(*trials, study_name="old", direction="maximize")
    experiment = client.from_optuna(study, say=said.append)
    assert [(run["covars"], run["response"], run["status"]) for run in service.runs] == [
        ({"a": 0.25}, 0.5, "ok"),
        ({"a": 0.75}, None, "failed"),
    ]
    assert (experiment.name, experiment.direction, experiment.n_observations) == ("old", "maximize", 2)
    assert said == [
        "the study old: 1 trial left out: pruned\n",
        "the study old: 1 trial left out: fail\n",
    ]


def test_study_is_found_in_its_storage(client, service):
    storage = optuna.storages.InMemoryStorage()
    for name in ("one", "two"):
        optuna.create_study(storage=storage, study_name=name).add_trial(_trial(2.0, a=0.5))
    assert client.from_optuna(storage, study_name="two", name="mine").name == "mine"
    with pytest.raises(InvalidInputError, match=r"give study_name, as it has several; the studies are one, two"):
        client.from_optuna(storage)
    with pytest.raises(InvalidInputError, match="it has no study three"):
        client.from_optuna(storage, study_name="three")
    assert len(service.runs) == 1


def test_parameter_of_some_trials_is_active_where_a_choice_says_so(client, service):
    trials = [_trial(a=0.1, kernel="poly", degree=3), _trial(a=0.2, kernel="rbf"), _trial(a=0.3, kernel=None)]
    experiment = client.from_optuna(_study(*trials))
    assert experiment.covars["degree"].active_if.model_dump() == {"covariate": "kernel", "values": ["poly"]}
    assert service.runs[0]["covars"] == {"a": 0.1, "kernel": "poly", "degree": 3}
    assert service.runs[2]["covars"] == {"a": 0.3, "kernel": "None"}


def test_parameter_that_nothing_explains_is_refused(client, service):
    trials = [_trial(a=0.1, kernel="poly", degree=3), _trial(a=0.2, kernel="poly")]
    with pytest.raises(InvalidInputError, match="only some trials have degree"):
        client.from_optuna(_study(*trials, study_name="s"))
    assert service.experiments == {}


def test_ranges_that_changed_are_joined(client):
    narrow = create_trial(value=1.0, params={"a": 5.0}, distributions={"a": FloatDistribution(2, 8)})
    experiment = client.from_optuna(_study(narrow, _trial(a=0.5)))
    assert (experiment.covars["a"].min, experiment.covars["a"].max) == (0, 8)


def test_constraints_become_thresholds(client, service):
    trial = create_trial(
        value=1.0, params={"a": 0.5}, distributions={"a": FloatDistribution(0, 1)}, system_attrs={"constraints": [0.25]}
    )
    experiment = client.from_optuna(_study(trial))
    assert service.runs[0]["responses"] == {"value 0": 1.0, "constraint 0": 0.25}
    assert experiment.responses["constraint 0"].model_dump() == {"goal": "<=", "bound": 0}


def test_study_without_a_finished_trial_is_refused(client):
    with pytest.raises(InvalidInputError, match="no finished trial"):
        client.from_optuna(_study(study_name="empty"))


def test_experiment_comes_back_from_its_own_study(client, service):
    experiment = client.new("yields", SPACE)
    experiment.tell(RUN, 3.0)
    again = client.from_optuna(experiment.to_optuna(study_name="again"))
    assert service.runs[1]["covars"] == RUN
    assert again.covars["rate"] == experiment.covars["rate"].model_copy(update={"guess": again.covars["rate"].guess})


def test_missing_optuna_says_how_to_install_it(experiment, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ImportError, match=r"autotune-bo\[optuna\]"):
        experiment.to_optuna()

import pytest

from autotune_wire.experiments import Experiment, NewExperiment, SpaceEdit, direction_of
from autotune_wire.problems import field_problems
from autotune_wire.responses import Objective, objectives_of, primary_of, thresholds_of
from autotune_wire.stopping import StopRules
from support import SPACE

BASE = {"name": "x", "covars": SPACE}
MAXIMIZE = {"goal": "maximize"}


def fields_refused(model, body):
    with pytest.raises(ValueError) as caught:
        model.model_validate(body)
    return [problem.field for problem in field_problems(caught.value)]


def test_experiment_without_responses_has_one_with_the_direction_as_goal():
    new = NewExperiment.model_validate(BASE | {"direction": "minimize"})
    assert new.responses_or_default() == {"Response": Objective(goal="minimize")}


def test_first_objective_is_the_first_response_that_is_no_threshold():
    responses = {"cost": {"goal": "<=", "bound": 3}, "loss": {"goal": "minimize"}, "speed": MAXIMIZE}
    new = NewExperiment.model_validate(BASE | {"responses": responses})
    assert direction_of(primary_of(new.responses)[1]) == "minimize"
    assert primary_of(new.responses)[0] == "loss"
    assert list(objectives_of(new.responses)) == ["loss", "speed"]
    assert list(thresholds_of(new.responses)) == ["cost"]


@pytest.mark.parametrize("goal", [{"goal": "match", "target": 7.4}, {"goal": "minimize"}, {"goal": "maximize"}])
def test_what_a_client_checked_is_valid_at_the_service(goal):
    new = NewExperiment.model_validate(BASE | {"responses": {"pH": goal}})
    sent = new.model_dump(mode="json", exclude_unset=True)
    assert "direction" not in sent
    assert NewExperiment.model_validate(sent) == new
    older = sent | {"direction": "maximize" if goal == {"goal": "maximize"} else "minimize"}  # what it sent before
    assert NewExperiment.model_validate(older).responses == new.responses


def test_new_experiment_chooses_model_and_acquisition_itself():
    new = NewExperiment.model_validate(BASE)
    assert (new.engine, new.model_type, new.acq_func) == ("autotune", "SingleTaskGP", "auto")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"responses": {}}, "responses"),
        ({"responses": {"cost": {"goal": "<=", "bound": 3}}}, "responses"),
        ({"responses": {f"r{i}": MAXIMIZE for i in range(5)}}, "responses"),
        ({"responses": {f"r{i}": {"goal": ">=", "bound": 0} for i in range(9)}}, "responses"),
        ({"responses": {"v1": MAXIMIZE}}, "responses.v1"),
        ({"responses": {"yield": {"goal": ">="}}}, "responses.yield.bound"),
        ({"responses": {"yield": {"goal": "maximize", "bound": 1}}}, "responses.yield.bound"),
        ({"responses": {"yield": {"goal": "minimize", "reference": "low"}}}, "responses.yield.reference"),
        ({"responses": {"yield": {"goal": "more"}}}, "responses.yield.goal"),
        ({"responses": {"yield": MAXIMIZE}, "direction": "minimize"}, "direction"),
        ({"covars": {"Response": SPACE["v1"]}}, "responses.Response"),
        ({"engine": "optuna"}, "engine"),
        ({"stop": {}}, "stop"),
        ({"stop": {"budget": 0}}, "stop.budget"),
        ({"stop": {"budget": 2.5}}, "stop.budget"),
        ({"stop": {"plateau": {"n_runs": 0}}}, "stop.plateau.n_runs"),
        ({"stop": {"plateau": {"n_runs": 5, "min_gain": -1}}}, "stop.plateau.min_gain"),
        ({"stop": {"min_expected_gain": 0}}, "stop.min_expected_gain"),
        ({"stop": {"patience": 3}}, "stop.patience"),
        ({"responses": {"a": MAXIMIZE, "b": MAXIMIZE}, "stop": {"budget": 9, "target": 1}}, "stop.target"),
    ],
)
def test_new_experiment_names_the_wrong_field(changes, field):
    assert fields_refused(NewExperiment, BASE | changes) == [field]


def test_stop_rules_are_named_in_one_order():
    assert StopRules(target=0, budget=3).rules() == ["budget", "target"]


def test_new_experiment_survives_the_wire():
    responses = {"loss": {"goal": "minimize", "reference": 2}, "cost": {"goal": "<=", "bound": 3}}
    new = NewExperiment.model_validate(BASE | {"responses": responses, "stop": {"plateau": {"n_runs": 5}}})
    assert NewExperiment.model_validate_json(new.model_dump_json()) == new


def test_space_edit_checks_the_new_space_by_itself():
    covars = {"v1": SPACE["v1"] | {"active_if": {"covariate": "color", "values": ["pink"]}}, "color": SPACE["color"]}
    constraint = {"ctype": "linear", "weights": {"color": 1}, "relation": "<=", "bound": 1}
    found = fields_refused(SpaceEdit, {"covars": covars, "constraints": [constraint]})
    assert found == ["covars.v1.active_if.values", "constraints.0.weights.color"]


def test_experiment_of_an_older_or_newer_service_is_read():
    moment = "2026-01-01T00:00:00Z"
    reply = {
        "exp_uuid": "00000000-0000-0000-0000-000000000001",
        "name": "x",
        "description": "",
        "covars": SPACE,
        "model_type": "SingleTaskGP",
        "acq_func": "ExpectedImprovement",
        "direction": "minimize",
        "seed": 1,
        "state": "active",
        "n_observations": 0,
        "best": None,
        "last_seq": 2,
        "time_created": moment,
        "time_updated": moment,
    }
    older = Experiment.model_validate(reply)
    assert older.responses == {"Response": Objective(goal="minimize")}
    assert (older.constraints, older.advice, older.stop, older.stopped, older.best_predicted) == (
        [], [], None, None, None,
    )  # fmt: skip
    stopped = {"rule": "moon", "reason": "it is full", "at": moment, "phase": 1}
    newer = Experiment.model_validate(reply | {"engine": "quantum", "stopped": stopped, "colour": 1})
    assert newer.stopped.rule == "moon"

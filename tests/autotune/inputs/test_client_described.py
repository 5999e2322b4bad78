import json

import pytest
from fake_service import SPACE

from autotune.errors import InvalidInputError

MIXTURE = {name: {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0} for name in ("a", "b")}
KERNELS = {
    "kernel": {"vtype": "cat", "guess": "rbf", "options": ["rbf", "linear"]},
    "size": {"vtype": "cat", "guess": 2, "options": [1, 2, 4], "ordered": True},
    "width": {
        "vtype": "cont", "guess": 1.0, "min": 0.1, "max": 10.0, "log": True, "active_if": {"kernel": "rbf"},
    },
    "layers": {"vtype": "int", "guess": 3, "min": 1, "max": 9, "step": 2},
    "day": {"vtype": "cat", "guess": "mon", "options": ["mon", "tue"], "role": "context"},
}  # fmt: skip


def _sent(service):
    return json.loads(service.bodies[-1])


def _new(client, **options):
    client.new("n", MIXTURE, **options)


def test_new_leaves_out_what_is_not_given(client, service):
    client.new("n", SPACE)
    assert not {"responses", "constraints", "stop", "seed"} & _sent(service).keys()


def test_new_lets_the_service_choose_the_acquisition(client, service):
    client.new("n", SPACE)
    assert (_sent(service)["acq_func"], _sent(service)["engine"]) == ("auto", "autotune")


@pytest.mark.parametrize(("written", "goal"), [("\u2264 5", "<="), ("=< 5", "<="), ("\u2a7e5", ">="), ("=> 5", ">=")])
def test_new_reads_bounds_in_the_signs_of_print(client, service, written, goal):
    client.new("n", SPACE, responses={"yield": "max", "cost": written})
    assert _sent(service)["responses"]["cost"] == {"goal": goal, "bound": 5.0}


@pytest.mark.parametrize(("wanted", "says"), [("<= 1,050", "may be 1.05 or 1050"), ("<= 5%", "write it without %")])
def test_new_names_the_response_whose_number_is_not_clear(client, wanted, says):
    with pytest.raises(InvalidInputError, match=rf"responses\.cost: .*{says}"):
        client.new("n", SPACE, responses={"yield": "max", "cost": wanted})


def test_new_takes_every_feature_of_covariates(client, service):
    client.new("n", KERNELS)
    sent = _sent(service)["covars"]
    assert sent["width"]["active_if"] == {"covariate": "kernel", "values": ["rbf"]}
    assert {**sent["width"], "active_if": {"kernel": "rbf"}} == KERNELS["width"]
    assert {name: sent[name] for name in ("kernel", "size", "layers", "day")} == {
        name: KERNELS[name] for name in ("kernel", "size", "layers", "day")
    }


def test_new_takes_a_condition_as_the_service_writes_it(client, service):
    condition = {"covariate": "kernel", "values": ["rbf", "linear"]}
    client.new("n", {**KERNELS, "width": {**KERNELS["width"], "active_if": condition}})
    assert _sent(service)["covars"]["width"]["active_if"] == condition


def test_new_reads_responses_written_short(client, service):
    wanted = {"yield": "maximize", "cost": "min", "impurity": "<= 0,05", "purity": " >=0.9", "pH": "= 7,4"}
    client.new("n", SPACE, responses=wanted)
    assert _sent(service)["responses"] == {
        "yield": {"goal": "maximize"},
        "cost": {"goal": "minimize"},
        "impurity": {"goal": "<=", "bound": 0.05},
        "purity": {"goal": ">=", "bound": 0.9},
        "pH": {"goal": "match", "target": 7.4},
    }


def test_new_takes_responses_as_the_service_writes_them(client, service):
    responses = {"yield": {"goal": "minimize", "reference": 3.0}, "impurity": {"goal": "<=", "bound": 0.05}}
    client.new("n", SPACE, responses=responses)
    assert _sent(service)["responses"] == responses


def test_new_reads_constraints_as_text_and_as_dicts(client, service):
    forbidden = {"combination": {"kernel": "rbf", "size": [1, 2]}}
    client.new("n", {**MIXTURE, **KERNELS}, constraints=["a + b == 1", forbidden])
    assert _sent(service)["constraints"] == [
        {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0}, "relation": "==", "bound": 1.0},
        {"ctype": "forbidden", "combination": {"kernel": ["rbf"], "size": [1, 2]}},
    ]


@pytest.mark.parametrize(
    "constraint",
    ["a <= 0.5", ["a <= 0.5"], {"weights": {"a": 1}, "relation": "<=", "bound": 0.5}],
)
def test_new_takes_a_single_constraint(client, service, constraint):
    _new(client, constraints=constraint)
    assert [constraint["bound"] for constraint in _sent(service)["constraints"]] == [0.5]


def test_new_takes_stop_rules(client, service):
    stop = {"budget": 30, "plateau": {"n_runs": 5, "min_gain": 0.1}}
    _new(client, stop=stop)
    assert _sent(service)["stop"] == stop


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"constraints": ["a + b == 1", "a + x <= 1"]},
            "constraints.1: 'x' is not a covariate; the covariates are a, b",
        ),
        ({"constraints": [3]}, "constraints.0"),
        ({"constraints": 3}, "constraints: must be a list of texts and dicts"),
        ({"constraints": [{"relation": "<="}]}, "constraints.0"),
        ({"constraints": {"combination": {"a": 1}}}, "constraints.0.combination.a: is cont"),
        (
            {"responses": {"yield": "more"}},
            'responses.yield: must be "maximize", "minimize", a target such as "= 7.4" or a bound',
        ),
        ({"responses": {"yield": "<= much"}}, "responses.yield: must be"),
        ({"responses": {"yield": "<= nan"}}, "responses.yield: must be"),
        ({"responses": {"yield": "<= 4_5"}}, "4_5 is not written as a number"),
        ({"responses": {"yield": "<= 1,050"}}, "1,050 may be 1.05 or 1050"),
        ({"responses": {"yield": "<= 1e999"}}, "responses.yield.bound"),
        ({"responses": ["yield"]}, "responses: must be a dict such as"),
        ({"responses": {"purity": ">= 1"}}, "responses: 1 to 4 responses must have the goal"),
        ({"responses": {"a": "maximize"}}, "responses.a: is also the name of a covariate"),
        ({"responses": {"yield": "maximize"}, "direction": "minimize"}, "direction: leave direction out"),
        ({"stop": {"budget": 0}}, "stop.budget"),
        ({"stop": {"after": 3}}, "stop.after"),
        ({"engine": "other"}, "engine"),
        ({"acq_func": "Best"}, "acq_func"),
    ],
)
def test_new_names_the_field_that_does_not_fit(client, service, options, message):
    with pytest.raises(InvalidInputError, match=message):
        _new(client, **options)
    assert service.n_calls("POST /experiment/new") == 0


def test_new_refuses_covariates_that_are_no_dict(client):
    with pytest.raises(InvalidInputError, match="covars: must be a dict"):
        client.new("n", [1])


def test_experiment_shows_what_it_was_described_with(client):
    experiment = client.new(
        "n",
        {**MIXTURE, **KERNELS},
        responses={"yield": "maximize", "impurity": "<= 0.05"},
        constraints=["2*a - b <= 1", {"combination": {"kernel": "rbf", "size": [1, 2]}}],
        stop={"budget": 30, "plateau": {"n_runs": 5, "min_gain": 0.1}},
        engine="greattunes",
    )
    html = experiment._repr_html_()
    for shown in (
        "active, maximize yield, impurity &lt;= 0.05",
        "1, 2, 4 (in this order)",
        "0.1 to 10, log scale; only where kernel is rbf",
        "1 to 9 in steps of 2",
        "mon, tue; context",
        "2*a - b &lt;= 1",
        "never kernel rbf with size one of 1, 2",
        "after 30 runs, or when the last 5 runs gain no more than 0.1",
        "greattunes, SingleTaskGP, auto",
    ):
        assert shown in html


def test_edit_sends_the_whole_space_with_what_changes(client, service):
    experiment = client.new("n", {**MIXTURE, **KERNELS})
    new = {"vtype": "int", "guess": 1, "min": 0, "max": 3}
    experiment.edit_space({"a": {"max": 2.0}, "stir": new}, constraints=["a <= 1"], backfill={"stir": 0})
    sent = _sent(service)
    assert list(sent["covars"]) == [*MIXTURE, *KERNELS, "stir"]
    assert (sent["covars"]["a"], sent["covars"]["stir"]) == ({**MIXTURE["a"], "max": 2.0}, new)
    assert (sent["constraints"][0]["bound"], sent["backfill"]) == (1.0, {"stir": 0})
    assert experiment.covars["a"].max == 2.0


def test_edit_leaves_constraints_as_they_are_unless_they_are_given(client, service):
    experiment = client.new("n", MIXTURE, constraints="a <= 0.5")
    experiment.edit_space({"a": {"max": 2.0}})
    assert "constraints" not in _sent(service)
    experiment.edit_space({}, constraints=[])
    assert _sent(service)["constraints"] == []


def test_edit_takes_covariates_as_the_experiment_gives_them(client, service):
    experiment = client.new("n", MIXTURE)
    experiment.edit_space({**experiment.covars, "b": {**MIXTURE["b"], "max": 3.0}})
    assert _sent(service)["covars"] == {**MIXTURE, "b": {**MIXTURE["b"], "max": 3.0}}


def test_edit_names_the_field_that_does_not_fit(client):
    experiment = client.new("n", MIXTURE)
    with pytest.raises(InvalidInputError, match=r"covars\.a\.guess: guess must lie between"):
        experiment.edit_space({"a": {"max": 0.25}})


def test_spaces_are_shown_one_after_the_other(client, service):
    experiment = client.new("n", MIXTURE)
    common = {"constraints": [], "time_created": "2026-01-02T03:04:05Z"}
    service.spaces = [
        {**common, "revision": 0, "seq": 1, "covars": {"a": MIXTURE["a"]}, "backfill": {}},
        {**common, "revision": 1, "seq": 7, "covars": MIXTURE, "backfill": {"b": 0.25}},
    ]
    spaces = experiment.spaces()
    assert [list(space.covars) for space in spaces] == [["a"], ["a", "b"]]
    assert "Space 1, from event 7, 2026-01-02 03:04 UTC" in spaces._repr_html_()
    assert "b in earlier runs: 0.25" in repr(spaces)


def test_resume_keeps_the_stop_rules_unless_others_are_given(client, service):
    experiment = client.new("n", MIXTURE, stop={"budget": 3})
    experiment.resume()
    assert _sent(service) == {}
    experiment.resume({"budget": 9})
    assert _sent(service) == {"stop": {"budget": 9}}
    experiment.resume(None)
    assert _sent(service) == {"stop": None}


def test_resume_refuses_rules_that_are_none(client):
    with pytest.raises(InvalidInputError, match=r"stop\.budget"):
        client.new("n", MIXTURE).resume({"budget": "many"})


@pytest.mark.parametrize(
    ("covars", "constraint", "guesses"),
    [
        # The middles are 0.1 too much: each gives a seventh of the 0.25, 0.3 and 0.15 that it is above its least.
        ({"oil": "0.1..0.6", "water": "0.3..0.9", "wax": "0..0.3"}, "oil + water + wax = 1", [0.314, 0.557, 0.129]),
        # 1.5 is 0.5 too much, a third of the 1.5 that can be given; what rounding leaves is added to the first.
        ({"a": "0..1", "b": "0..1"}, "a + 2*b <= 1", [0.334, 0.333]),
        ({"a": "0..1", "b": "0..1"}, "a + b >= 1.5", [0.75, 0.75]),
        ({"a": "0..1 step 0.05", "b": "0..1 step 0.05", "c": "0..1 step 0.05"}, "a + b + c = 1", [0.3, 0.35, 0.35]),
        # Met as it is, and out of reach: the middles stay.
        ({"a": "0..1", "b": "0..1"}, "a + b <= 1", [0.5, 0.5]),
        ({"a": "0..1", "b": "0..1"}, "a + b = 3", [0.5, 0.5]),
    ],
)
def test_made_guesses_meet_linear_constraints(client, service, covars, constraint, guesses):
    client.new("n", covars, constraints=constraint)
    assert [covariate["guess"] for covariate in _sent(service)["covars"].values()] == pytest.approx(guesses, abs=1e-12)


@pytest.mark.parametrize(
    "rule", [{"weights": {"a": "x"}}, {"weights": ["a"], "bound": 1}, {"weights": {"c": 1}, "bound": 0}]
)
def test_rule_that_is_no_rule_is_named_though_guesses_are_made(client, rule):
    with pytest.raises(InvalidInputError, match=r"constraints\.0"):
        client.new("n", {"a": "0..1", "b": "0..1"}, constraints=[rule])


def test_given_guess_stays_and_the_others_make_room_for_it(client, service):
    client.new("n", {"a": "0..1", "b": "0..1", "c": "0..1"}, guess={"a": 0.6}, constraints="a + b + c = 1")
    assert [covariate["guess"] for covariate in _sent(service)["covars"].values()] == [0.6, 0.2, 0.2]

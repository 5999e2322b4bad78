import json

import numpy as np
import pandas as pd
import pytest
from fake_service import SPACE

import autotune
from autotune.errors import InvalidInputError, ServiceError

RUN = {"x": 0.5}
TELL = "POST /experiment/tell"


@pytest.fixture
def lab(client):
    return client.new("lab", SPACE, responses={"yield": "maximize", "impurity": "<= 0.05"})


def _sent(service):
    return json.loads(service.bodies[-1])


def test_tell_takes_a_standard_deviation(experiment, service):
    told = experiment.tell(RUN, 0.7, sd=np.float64(0.1))
    assert _sent(service) == {"covars": RUN, "response": 0.7, "sd": 0.1}
    assert (told.sds, "0.70 ± 0.10" in repr(told)) == ({"Response": 0.1}, True)


def test_tell_takes_several_responses(lab, service):
    told = lab.tell(RUN, {"yield": 0.7, "impurity": np.float64(0.01)}, sd={"yield": 0.1})
    sds = {"yield": 0.1}
    assert _sent(service) == {"covars": RUN, "responses": {"yield": 0.7, "impurity": 0.01}, "sds": sds}
    assert (told.response, told.responses) == (0.7, {"yield": 0.7, "impurity": 0.01})


@pytest.mark.parametrize("measured", [{"impurity": 0.01}, {"yield": None, "impurity": 0.01}])
def test_tell_leaves_out_what_was_not_measured(lab, service, measured):
    told = lab.tell(RUN, measured)
    assert _sent(service)["responses"] == {"impurity": 0.01}
    assert (told.response, repr(told)) == (None, "Observation(x=0.5, impurity 0.01)")


def test_tell_takes_the_one_response_by_name(experiment, service):
    assert experiment.tell(RUN, {"Response": 0.7}).response == 0.7


def test_tell_takes_one_deviation_for_the_one_that_was_measured(lab, service):
    lab.tell(RUN, {"yield": 0.7}, sd=0.1)
    assert _sent(service)["sds"] == {"yield": 0.1}


def test_tell_takes_a_row_of_a_frame_as_configuration(experiment, service):
    experiment.tell(pd.DataFrame({"x": [0.25]}).iloc[0], 1)
    assert _sent(service)["covars"] == {"x": 0.25}


@pytest.mark.parametrize(
    ("response", "sd", "message"),
    [
        (0.7, None, 'several responses, tell them as {"yield": ..., "impurity": ...}'),
        (
            {"yeild": 0.7},
            None,
            "responses.yeild: is not a response of this experiment; the responses are yield, impurity",
        ),
        ({}, None, "responses: is empty; tell a run that gave no response with fail"),
        ({"yield": None}, None, "responses: is empty"),
        ({"yield": float("nan")}, None, "responses.yield: must be a finite number"),
        ({"yield": 1.0}, {"impurity": 0.1}, "sds.impurity: is the standard deviation of a response that is missing"),
        ({"yield": 1.0}, {"other": 0.1}, "sds.other: is not a response"),
        ({"yield": 1.0}, -0.1, "sds.yield: must be at least 0"),
        ({"yield": 1.0, "impurity": 0.1}, 0.1, "sd: must name the responses"),
    ],
)
def test_tell_names_the_response_that_does_not_fit(lab, service, response, sd, message):
    with pytest.raises(InvalidInputError) as caught:
        lab.tell(RUN, response, sd=sd)
    assert message in str(caught.value)
    assert service.n_calls(TELL) == 0


def test_tell_of_nothing_says_how_a_failure_is_told(experiment):
    with pytest.raises(
        InvalidInputError, match=r"response: is missing; tell a run that gave no response with fail\(\)"
    ):
        experiment.tell(RUN, None)


def test_fail_tells_that_a_run_failed(experiment, service):
    told = experiment.fail(RUN)
    assert _sent(service) == {"covars": RUN, "status": "failed"}
    assert (told.status, told.response, repr(told)) == ("failed", None, "Observation(x=0.5, status failed)")


def test_fail_of_a_suggestion_names_it(experiment):
    suggestion = experiment.ask()
    assert experiment.fail(suggestion).suggestion_uuid == suggestion.suggestion_uuid


def test_fail_whose_reply_is_lost_is_stored_once(experiment, service):
    suggestion = experiment.ask()
    service.lose(TELL)
    assert experiment.fail(suggestion).status == "failed"
    assert len(service.runs) == 1


def test_ask_sends_the_values_that_are_fixed(experiment, service):
    assert experiment.ask(fixed={"oven": "b"}).covars == {"x": 0.5, "oven": "b"}
    assert experiment.ask(2, fixed={"x": np.float64(0.25)})[1].covars == {"x": 0.25}
    assert _sent(service) == {"n": 2, "fixed": {"x": 0.25}}


def test_ask_refuses_fixed_values_that_are_none(experiment):
    with pytest.raises(InvalidInputError, match="fixed"):
        experiment.ask(fixed=[1])
    with pytest.raises(InvalidInputError, match=r"fixed\.x"):
        experiment.ask(fixed={"x": None})


def test_run_takes_pairs_and_dicts(lab, service):
    outcomes = iter([{"yield": 1.0}, ({"yield": 2.0, "impurity": 0.01}, {"yield": 0.5})])
    assert lab.run(lambda _: next(outcomes), 2).response == 2.0
    assert [run["sds"] for run in service.runs] == [{}, {"yield": 0.5}]


def test_run_takes_a_value_with_its_deviation(experiment, service):
    experiment.run(lambda _: (1.0, 0.25), 1)
    assert service.runs[0]["sds"] == {"Response": 0.25}


def test_run_tells_a_failure_and_goes_on(experiment, service):
    outcomes = iter([autotune.RunFailed("it broke"), 2.0])

    def function(_configuration):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert experiment.run(function, 2).response == 2.0
    assert [run["status"] for run in service.runs] == ["failed", "ok"]


def test_run_of_failures_only_has_no_best(experiment):
    def function(_configuration):
        raise autotune.RunFailed

    assert experiment.run(function, 2) is None


def test_run_ends_when_a_stop_rule_is_met(client, service):
    experiment = client.new("n", SPACE, stop={"budget": 2})
    assert experiment.run(lambda _: 1.0, 9).response == 1.0
    assert (len(service.runs), experiment.stopped.rule) == (2, "budget")


def test_run_of_an_experiment_that_has_stopped_says_so(client):
    experiment = client.new("n", SPACE, stop={"budget": 1})
    experiment.run(lambda _: 1.0, 1)
    with pytest.raises(ServiceError) as caught:
        experiment.run(lambda _: 1.0, 1)
    assert caught.value.code == "experiment_stopped"


def test_run_asks_with_the_values_that_are_fixed(experiment, service):
    experiment.run(lambda _: 1.0, 1, fixed={"x": 0.25})
    assert service.runs[0]["covars"] == {"x": 0.25}


def test_best_is_shown_by_the_name_of_its_response(lab):
    lab.tell(RUN, {"yield": 0.7})
    assert repr(lab.best) == "Best(x=0.5, yield 0.7)"


def test_history_has_a_column_for_each_response(lab):
    lab.tell(RUN, {"yield": 1.0, "impurity": 0.01}, sd={"impurity": 0.001})
    lab.fail({"x": 0.25})
    frame = lab.history()
    assert list(frame.columns) == ["id", "x", "yield", "impurity", "impurity sd", "status", "time_created"]
    assert (frame["yield"].tolist()[0], frame["yield"].isna().tolist()) == (1.0, [False, True])
    assert list(frame["status"]) == ["ok", "failed"]


def test_history_before_any_observation_shows_its_columns(lab):
    frame = lab.history()
    assert (list(frame.columns), len(frame)) == (["id", "x", "yield", "impurity", "time_created"], 0)


def test_history_of_one_response_has_its_deviation_as_sd(experiment):
    experiment.tell(RUN, 1.0, sd=0.5)
    assert list(experiment.history().columns) == ["id", "x", "Response", "sd", "time_created"]


def test_suggestion_shows_what_is_predicted_of_each_response(experiment, service):
    two = {"yield": {"mean": 0.9, "sd": 0.01}, "impurity": {"mean": 0.03, "sd": 0.01}}
    suggestion = type(experiment.ask())(**{**dict(experiment.ask()), "predictions": two, "seconds": 0.25})
    assert repr(suggestion) == "Suggestion(x=0.5, model, predicted yield 0.900 ± 0.010, impurity 0.030 ± 0.010)"
    assert "predicted impurity" in suggestion._repr_html_()
    assert "Suggestion (model, 0.25 s)" in suggestion._repr_html_()

import json
import sys
from uuid import UUID

import numpy as np
import pytest
from fake_service import SPACE, problem

from autotune.errors import InvalidInputError, NotFoundError, ServiceError
from autotune.experiment import Experiment
from autotune.views.shown import Suggestion


def test_new_sends_what_it_was_given(client, service):
    client.new("brownies", SPACE, description="d", direction="minimize", seed=np.int64(3))
    sent = json.loads(service.bodies[-1])
    assert (sent["name"], sent["direction"], sent["seed"], sent["covars"]) == ("brownies", "minimize", 3, SPACE)


@pytest.mark.parametrize(
    ("given", "sent", "direction"),
    [
        ({"pH": "= 7.4"}, {"pH": {"goal": "match", "target": 7.4}}, "minimize"),
        ({"pH": "= 7.4", "yield": "maximize"}, {"pH": {"goal": "match", "target": 7.4}, "yield": {"goal": "maximize"}},
         "minimize"),
        ({"loss": "minimize"}, {"loss": {"goal": "minimize"}}, "minimize"),
        ({"yield": "maximize"}, {"yield": {"goal": "maximize"}}, "maximize"),
    ],
)  # fmt: skip
def test_new_sends_responses_without_a_direction(client, service, given, sent, direction):
    made = client.new("brownies", SPACE, responses=given)
    body = json.loads(service.bodies[-1])
    assert (body["responses"], "direction" in body) == (sent, False)
    assert made.direction == direction


def test_new_leaves_the_seed_to_the_service(client, service):
    client.new("brownies", SPACE)
    assert "seed" not in json.loads(service.bodies[-1])


def test_new_refuses_a_bad_covariate_before_it_is_sent(client, service):
    with pytest.raises(InvalidInputError, match=r"covars\.x\.min: min must be at most max"):
        client.new("n", {"x": {"vtype": "cont", "guess": 1, "min": 2, "max": 1}})
    assert service.n_calls("POST /experiment/new") == 0


def test_new_takes_numpy_s_numbers(client, service):
    client.new("n", {"k": {"vtype": "int", "guess": np.int64(2), "min": np.int32(1), "max": np.float64(3)}})
    assert json.loads(service.bodies[-1])["covars"]["k"] == {"vtype": "int", "guess": 2, "min": 1, "max": 3}


def test_new_says_once_how_to_describe_the_space_better(client, service, capsys):
    service.advice = ["x has many options", "y has many options"]
    made = client.new("n", SPACE)
    assert capsys.readouterr() == ("", "x has many options\ny has many options\n")
    made.tell(made.ask(), 0.5)
    assert client.experiment(made.exp_uuid).advice == made.advice == service.advice
    assert capsys.readouterr() == ("", "")


def test_new_says_nothing_where_there_is_nothing_to_say_or_nobody_to_listen(client, service, capsys):
    assert client.new("n", SPACE).advice == []
    service.advice = ["x has many options"]
    client.new("n", SPACE, say=None)
    assert capsys.readouterr() == ("", "")


def test_list_gives_every_page_newest_first(client, service):
    service.page = 2
    for name in "abcde":
        client.new(name, SPACE)
    assert [experiment.name for experiment in client.list()] == ["e", "d", "c", "b", "a"]


def test_list_stops_at_its_limit(client, service):
    service.page = 2
    for name in "abcde":
        client.new(name, SPACE)
    assert [experiment.name for experiment in client.list(limit=3)] == ["e", "d", "c"]


def test_experiment_is_found_by_its_uuid(client, experiment):
    assert client.experiment(str(experiment.exp_uuid)).name == "brownies"


def test_experiment_refuses_text_that_is_no_uuid(client):
    with pytest.raises(InvalidInputError, match="not the uuid"):
        client.experiment("../user")


def test_ask_gives_the_current_suggestion(experiment):
    assert experiment.ask().covars == {"x": 0.5}


def test_ask_for_many_leases_them(experiment, service):
    assert len(experiment.ask(np.int64(3))) == 3
    assert service.calls[-1][0] == "POST"


@pytest.mark.parametrize("n", [0, 101, 1.5, True, "2"])
def test_ask_refuses_a_number_that_is_none(experiment, n):
    with pytest.raises(InvalidInputError):
        experiment.ask(n)


def test_tell_of_a_suggestion_names_it(experiment, service):
    suggestion = experiment.ask()
    told = experiment.tell(suggestion, 0.7)
    assert (told.suggestion_uuid, told.covars, told.response) == (suggestion.suggestion_uuid, {"x": 0.5}, 0.7)


def test_tell_of_an_own_configuration_names_no_suggestion(experiment):
    assert experiment.tell({"x": 0.1}, 0.7).suggestion_uuid is None


def test_tell_takes_numpy_s_numbers(experiment, service):
    experiment.tell({"x": np.float32(0.5)}, np.float64(0.25))
    assert json.loads(service.bodies[-1]) == {"covars": {"x": 0.5}, "response": 0.25}


@pytest.mark.parametrize("response", [float("nan"), float("inf"), True, "0.5", None, [1.0], np.float64("nan")])
def test_tell_refuses_a_response_that_is_no_finite_number(experiment, service, response):
    with pytest.raises(InvalidInputError, match="response"):
        experiment.tell({"x": 0.1}, response)
    assert service.n_calls("POST /experiment/tell") == 0


@pytest.mark.parametrize("configuration", [None, 3, [("x", 1)], {"x": None}, {"x": [1]}])
def test_tell_refuses_what_is_no_configuration(experiment, configuration):
    with pytest.raises(InvalidInputError, match="covars"):
        experiment.tell(configuration, 1.0)


def test_tell_many_sends_them_at_once(experiment, service):
    told = experiment.tell_many([({"x": 0.1}, 1), (experiment.ask(), 2)])
    assert [observation.response for observation in told] == [1.0, 2.0]
    assert service.n_calls("POST /experiment/tell") == 1


@pytest.mark.parametrize("n", [0, 1001])
def test_tell_many_refuses_none_and_too_many(experiment, n):
    with pytest.raises(InvalidInputError, match=f"not {n}"):
        experiment.tell_many([({"x": 0.1}, 1)] * n)


def test_best_is_fetched(experiment):
    assert experiment.best is None
    experiment.tell({"x": 0.1}, 1)
    assert experiment.best.response == 1


def test_run_asks_runs_and_tells(experiment, service):
    best = experiment.run(lambda configuration: configuration["x"] * 2, 3)
    assert ([run["response"] for run in service.runs], best.response) == ([1.0, 1.0, 1.0], 1.0)


def test_run_tells_by_suggestion(experiment, service):
    experiment.run(lambda _: 1, 1)
    assert UUID(service.runs[0]["suggestion_uuid"])


def test_run_reports_each_observation(experiment):
    seen = []
    experiment.run(lambda _: 1, 2, on_tell=seen.append)
    assert [observation.response for observation in seen] == [1.0, 1.0]


def test_run_ends_with_the_function_s_error_and_keeps_what_was_told(experiment, service):
    responses = iter([1.0])
    with pytest.raises(StopIteration):
        experiment.run(lambda _: next(responses), 2)
    assert len(service.runs) == 1


def test_run_lets_the_function_change_its_configuration(experiment, service):
    experiment.run(lambda configuration: configuration.pop("x"), 1)
    assert service.runs[0]["covars"] == {"x": 0.5}


def test_run_refuses_less_than_one(experiment):
    with pytest.raises(InvalidInputError, match="n must be a whole number of at least 1"):
        experiment.run(lambda _: 1, 0)


def test_history_gives_every_page_as_a_frame(experiment, service):
    service.page = 2
    experiment.tell_many([({"x": value / 10}, value) for value in range(5)])
    frame = experiment.history()
    assert (list(frame.columns), list(frame["Response"])) == (["id", "x", "Response", "time_created"], [0, 1, 2, 3, 4])
    assert list(frame["id"]) == [1, 2, 3, 4, 5]


def test_history_shows_who_told_each_run_where_the_service_knows(experiment, service):
    service.teller = "00000000-0000-0000-0000-0000000000aa"
    service.tellers = {service.teller: "ada@example.org"}
    experiment.tell({"x": 0.1}, 1)
    service.teller = None
    experiment.tell({"x": 0.2}, 2)
    frame = experiment.history()
    assert list(frame.columns) == ["id", "x", "Response", "told_by", "time_created"]
    assert (frame["told_by"][0], frame["told_by"].isna().tolist()) == ("ada@example.org", [False, True])


def test_tables_have_the_covariates_that_the_space_has_by_now(client, experiment):
    same = client.experiment(experiment.exp_uuid)
    same.edit_space({"y": SPACE["x"]}, backfill={"y": 0.5})
    experiment.add_history([{"x": 0.1, "y": 0.2, "Response": 1.0}])
    assert experiment.history()[["x", "y"]].to_numpy().tolist() == [[0.1, 0.2]]
    stale = Experiment(experiment.connection, same.state().model_copy(update={"covars": {"x": same.covars["x"]}}))
    assert list(stale.predict([{"x": 0.1, "y": 0.2}]).columns)[:2] == ["x", "y"]
    assert "0.2" in repr(stale.pareto())


def test_history_without_pandas_is_a_list(experiment, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    experiment.tell({"x": 0.1}, 1)
    assert experiment.history()[0]["Response"] == 1


def test_history_of_nothing_is_empty(experiment):
    assert len(experiment.history()) == 0


@pytest.mark.parametrize("name", ["time_created", "status", "excluded", "id", "told_by"])
def test_history_keeps_a_covariate_that_is_named_like_a_column(client, name):
    experiment = client.new("n", {name: {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    experiment.tell({name: 0.5}, 7)
    row = experiment.history().iloc[0]
    assert (row[f"covars.{name}"], row["Response"]) == (0.5, 7)


def test_reopen_rename_and_delete(client, experiment, service):
    experiment.close()
    assert experiment.reopen().state().state == "active"
    assert experiment.rename("cookies").name == "cookies"
    with pytest.raises(ServiceError, match="another name"):
        experiment.delete("brownies")
    experiment.delete("cookies")
    with pytest.raises(NotFoundError):
        client.experiment(experiment.exp_uuid)


@pytest.mark.parametrize("name", ["", "  ", 7, "a\x00b", "a\u202eb"])
def test_rename_refuses_what_is_no_name_before_it_is_sent(experiment, service, name):
    n_calls = len(service.calls)
    with pytest.raises(InvalidInputError, match="name"):
        experiment.rename(name)
    assert len(service.calls) == n_calls


def test_second_tell_of_a_suggestion_says_how_to_record_it_as_a_run_of_its_own(experiment):
    suggestion = experiment.ask()
    experiment.tell(suggestion, 1)
    for again in (lambda: experiment.tell(suggestion, 2), lambda: experiment.fail(suggestion)):
        with pytest.raises(ServiceError) as caught:
            again()
        assert "tell(suggestion.covars, response)" in caught.value._render_traceback_()[-1]


def test_close_closes(experiment):
    experiment.close()
    assert experiment.state().state == "closed"


def test_closed_experiment_refuses_by_code(experiment, service):
    service.trouble("POST /experiment/tell", problem(409, "experiment_closed", "it is closed"))
    with pytest.raises(ServiceError) as caught:
        experiment.tell({"x": 0.1}, 1)
    assert caught.value.code == "experiment_closed"


def test_suggestion_shows_configuration_and_prediction(experiment):
    assert repr(experiment.ask()) == "Suggestion(x=0.5, model, predicted 0.900 ± 0.010)"


def test_suggestion_without_a_model_shows_no_prediction(experiment):
    plain = Suggestion(**{**dict(experiment.ask()), "mean": None, "sd": None})
    assert "none yet" in repr(plain)


def test_experiment_shows_its_facts(experiment):
    experiment.tell({"x": 0.1}, 1)
    experiment.state()
    assert "observations 1, best response 1" in repr(experiment)


def test_html_of_every_object_is_escaped(client):
    evil = "<script>alert(1)</script>"
    experiment = client.new(evil, {evil: {"vtype": "cat", "guess": evil, "options": [evil, "b"]}})
    told = experiment.tell({evil: evil}, 1)
    for shown in (experiment, client.list(), told, experiment.best):
        assert "<script>" not in shown._repr_html_()
        assert "&lt;script&gt;" in shown._repr_html_()


def test_client_closes_with_its_block(service):
    with service.client() as client:
        pass
    with pytest.raises(RuntimeError):
        client.list()

from uuid import uuid4

import pytest
from fake_service import SPACE, insights, problem
from tags import Tags

from autotune.views.bests import Best
from autotune.views.facts import facts_of
from autotune_wire.responses import Target

LAB = {"yield": "maximize", "impurity": "<= 5"}
TWO = {"yield": "maximize", "cost": "minimize", "impurity": "<= 5"}
CONTEXT = {"oven": {"vtype": "cat", "guess": "A", "options": ["A", "B"], "role": "context"}}


@pytest.fixture
def lab(client):
    return client.new("lab", SPACE, responses=LAB)


@pytest.fixture
def two(client):
    """Its second run costs less than its first, its third neither costs less nor yields more."""
    experiment = client.new("two", SPACE, responses=TWO)
    for place, (reached, cost) in enumerate([(2.0, 3.0), (1.0, 1.0), (0.5, 3.5)]):
        experiment.tell({"x": place / 4}, {"yield": reached, "cost": cost, "impurity": 4.0})
    return experiment


def test_best_shows_each_response_beside_its_bound(lab):
    lab.tell({"x": 0.5}, {"yield": 0.7, "impurity": 4.5})
    assert repr(lab.best) == "Best(x=0.5, yield 0.7, impurity 4.5 (<= 5: met))"
    assert "4.5 (&lt;= 5: met)" in lab.best._repr_html_()
    assert dict(facts_of(lab.state()))["best response"] == "yield 0.7, impurity 4.5 (<= 5: met)"


def test_best_shows_its_target():
    goals = {"Response": Target(goal="match", target=7.4)}
    best = {"observation_uuid": uuid4(), "covars": {"x": 0.5}, "response": 7.1, "responses": {"Response": 7.1}}
    assert repr(Best(**best, goals=goals)) == "Best(x=0.5, response 7.1 (target 7.4))"


def test_best_of_an_older_service_shows_what_it_sends(lab, service):
    lab.tell({"x": 0.5}, {"yield": 0.7, "impurity": 4.5})
    del service.experiments[str(lab.exp_uuid)]["best"]["responses"]
    assert repr(lab.best) == "Best(x=0.5, yield 0.7)"


def test_best_predicted_shows_each_response_beside_its_bound(lab, service):
    predictions = {"impurity": {"mean": 5.5, "sd": 1.0}, "yield": {"mean": 0.8, "sd": 0.1}}
    best = {"covars": {"x": 0.25}, "mean": 0.8, "sd": 0.1, "data_rev": 3, "predictions": predictions}
    service.experiments[str(lab.exp_uuid)]["best_predicted"] = best
    expected = "BestPredicted(x=0.25, yield 0.80 ± 0.10, impurity 5.5 ± 1.0 (<= 5: missed))"
    assert repr(lab.best_predicted) == expected
    assert "predicted impurity" in lab.best_predicted._repr_html_()


def test_best_of_several_objectives_shows_the_front(two):
    best = two.best
    assert (best.response, best.covars) == (2.0, {"x": 0.0})
    assert [run.responses["yield"] for run in best.front] == [2.0, 1.0]
    first, second, *_ = repr(best).splitlines()
    assert first == "Best(x=0, yield 2, cost 3, impurity 4 (<= 5: met); the best in yield alone)"
    assert second.startswith("Pareto front of 'two': 2 of 3 observations, hypervolume ")
    html = Tags(best._repr_html_())
    assert (html.open, "svg" in html.tags) == ([], True)


def test_best_of_several_objectives_is_said_to_be_that_of_the_first(two):
    facts = dict(facts_of(two.state()))
    assert facts["best response"] == (
        "yield 2, cost 3, impurity 4 (<= 5: met); the best in yield alone, with 1 other objective"
    )


def test_best_of_one_objective_reads_no_observations(lab, service):
    lab.tell({"x": 0.5}, {"yield": 0.7, "impurity": 4.5})
    assert lab.best.front is None
    assert service.n_calls(f"GET /experiment/{lab.exp_uuid}/history") == 0


def test_best_as_a_dict_is_that_of_the_contract(two):
    assert set(two.best.model_dump()) == {"observation_uuid", "covars", "response", "responses", "name"}


def test_run_of_several_objectives_returns_what_shows_the_front(two):
    best = two.run(lambda _: {"yield": 3.0, "cost": 0.5, "impurity": 1.0}, 1)
    assert [run.responses["cost"] for run in best.front] == [0.5]


def test_pareto_is_found_before_there_is_a_model(two, service):
    assert [run.covars["x"] for run in two.pareto()] == [0.0, 0.25]
    assert service.n_calls(f"GET /experiment/{two.exp_uuid}/insights") == 0


@pytest.fixture
def in_context(client, service):
    service.learnt = insights(
        best_by_context=[{"context": {"oven": "B"}, "covars": {"oven": "B", "x": 0.25}, "mean": 2.0, "sd": 0.5}]
    )
    experiment = client.new("ovens", SPACE | CONTEXT)
    experiment.tell({"oven": "B", "x": 0.5}, 1.5)
    return experiment


def test_best_in_contexts_comes_with_the_best_of_each_context(in_context, session_of):
    session, _ = session_of(in_context)
    best = session.best()
    assert repr(best).splitlines() == [
        "Best(oven=B, x=0.5, response 1.5)",
        "Best predicted in each context:",
        "  oven=B: response 2.00 ± 0.50 at x=0.25",
    ]
    assert "2.00 ± 0.50" in best._repr_html_()


def test_best_in_contexts_without_a_model_says_so(in_context, session_of, service):
    session, said = session_of(in_context)
    service.trouble(f"GET /experiment/{in_context.exp_uuid}/insights", problem(503, "engine_failed", "too few runs", 1))
    assert session.best().response == 1.5
    assert "the best predicted run in each context is not known" in said[0]


def test_best_that_is_not_there_yet_is_said(lab, session_of):
    session, said = session_of(lab)
    assert session.best() is None
    assert said == ["there is no best run yet: no run has measured the objective and met every threshold\n"]


@pytest.fixture
def session_of(client):
    from autotune.notebook.session import Session

    def make(experiment):
        said: list[str] = []
        session = Session(said.append)
        session._client, session._experiment = client, experiment
        return session, said

    return make

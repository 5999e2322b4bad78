"""How the client shows runs whose values the space does not allow, and covariates that are held at one value."""

import json

import httpx2
import pytest
from fake_service import NOW, SPACE, observation
from pydantic import TypeAdapter

from autotune.notebook.session import Session
from autotune.views.shown import covariate_text
from autotune_wire.insights import SlicePoint
from autotune_wire.space import Covariate

NOTE = "x = 1.5 lies outside its range, 0 to 1; stored as measured"


def _reply(experiment, *xs):
    told = [observation({"x": x}, 3.0) | {"outside": [] if 0 <= x <= 1 else ["x"]} for x in xs]
    texts = dict.fromkeys(["covars_tell", "response_tell", "best_response", "covars_best_response"], "{}")
    counts = dict.fromkeys(["covars_sampled_iter", "response_sampled_iter"], len(xs))
    known = {"exp_uuid": str(experiment.exp_uuid), "time_updated": NOW, "notes": [NOTE]}
    return httpx2.Response(202, json={**known, **texts, **counts, "observations": told})


def test_observation_shows_what_lies_outside(experiment, service):
    service.trouble("POST /experiment/tell", _reply(experiment, 1.5))
    told = experiment.tell({"x": 1.5}, 3.0)
    assert repr(told) == "Observation(x=1.5, response 3, outside the space x)"
    assert "<th" in told._repr_html_()
    assert "outside the space" in told._repr_html_()
    assert told.notes == [NOTE]


def test_history_has_a_column_for_what_lies_outside_and_loads_back(experiment, service):
    known = {"exp_uuid": str(experiment.exp_uuid)}
    told = ((1.5, ["x"]), (0.5, []))
    service.runs = [observation({"x": x}, 3.0) | known | {"outside": names} for x, names in told]
    table = experiment.history()
    assert list(table["outside"]) == ["x", ""]
    service.runs = []
    for data in (table, table.to_csv(index=False)):
        experiment.add_history(data, again=True)
        sent = json.loads(service.bodies[-1])["observations"]
        assert [run["covars"] for run in sent] == [{"x": 1.5}, {"x": 0.5}]


def test_history_of_runs_inside_has_no_such_column(experiment, service):
    service.runs = [observation({"x": 0.5}, 3.0) | {"exp_uuid": str(experiment.exp_uuid)}]
    assert "outside" not in experiment.history()


def test_loading_says_how_many_runs_lie_outside(experiment, service):
    said = []
    service.trouble("POST /experiment/tell", _reply(experiment, 1.5, 0.5, -2.0))
    experiment.add_history([{"x": x, "Response": 3.0} for x in (1.5, 0.5, -2.0)], say=said.append)
    assert said[-1] == "2 of 3 runs lie outside the space (x); they are stored as measured\n"


def test_tell_in_a_notebook_says_what_lies_outside(client, service, monkeypatch):
    said = []
    monkeypatch.setattr("autotune.notebook.session.open_client", lambda _url, _credentials: client)
    monkeypatch.setenv("AUTOTUNE_TOKEN", "given")
    session = Session(said.append)
    experiment = session.new("brownies", SPACE)
    service.trouble("POST /experiment/tell", _reply(experiment, 1.5))
    session.tell(3.0, {"x": 1.5})
    assert f"{NOTE}\n" in said


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ({"vtype": "cont", "guess": 5.0, "min": 5.0, "max": 5.0}, "always 5"),
        ({"vtype": "int", "guess": 5, "min": 5, "max": 5, "step": 2, "role": "context"}, "always 5; context"),
        ({"vtype": "cont", "guess": 0.1, "min": 0.1, "max": 0.1, "log": True}, "always 0.1"),
        ({"vtype": "cont", "guess": 0.0, "min": 0.0, "max": 0.0}, "always 0"),
    ],
)
@pytest.mark.parametrize("points", [[], [SlicePoint(value=5, mean=2.0, sd=0.5)]])
def test_held_number_is_described_and_drawn_with_its_one_point(held, text, points):
    covariate = TypeAdapter(Covariate).validate_python(held)
    assert covariate_text(covariate) == text

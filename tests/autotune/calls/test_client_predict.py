import json
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from fake_service import SPACE, problem

from autotune.errors import InvalidInputError, ServiceError, UnavailableError

PREDICT = "POST /experiment/"


def _asked(service):
    return json.loads(service.bodies[-1])["configurations"]


def test_predict_gives_a_table(experiment):
    frame = experiment.predict([{"x": 0.25}, {"x": np.float64(0.5)}])
    assert frame.to_dict("list") == {"x": [0.25, 0.5], "mean": [0.25, 0.5], "sd": [0.1, 0.1]}


def test_predict_names_several_responses(client, service):
    experiment = client.new("n", SPACE, responses={"yield": "maximize", "cost": "minimize"})
    service.predicted = ["yield", "cost"]
    assert list(experiment.predict({"x": 0.25}).columns) == ["x", "yield mean", "yield sd", "cost mean", "cost sd"]


def test_predict_without_a_model_has_empty_cells(experiment, service):
    service.predicted = []
    frame = experiment.predict({"x": 0.25})
    assert (list(frame.columns), frame["mean"].isna().tolist()) == (["x", "mean", "sd"], [True])


def test_predict_without_pandas_gives_a_list(experiment, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert experiment.predict({"x": 0.25}) == [{"x": 0.25, "mean": 0.25, "sd": 0.1}]


def test_predict_takes_a_suggestion(experiment, service):
    experiment.predict(experiment.ask())
    assert _asked(service) == [{"x": 0.5}]


def test_predict_takes_the_covariates_of_a_frame(experiment, service):
    experiment.predict(pd.DataFrame({"x": [0.25, np.nan], "Response": [1.0, 2.0]}))
    assert [json.loads(body) for body in service.bodies[-1:]] == [{"configurations": [{"x": 0.25}, {}]}]


def test_predict_refuses_a_frame_whose_index_is_a_covariate(experiment):
    with pytest.raises(InvalidInputError, match=r"x is the index of the DataFrame: reset_index\(\) makes it a column"):
        experiment.predict(pd.DataFrame({"x": [0.5], "note": ["a"]}).set_index("x"))


def test_predict_takes_decimals_and_leaves_out_those_that_are_none(experiment, service):
    experiment.predict(pd.DataFrame({"x": [Decimal("0.25"), Decimal("sNaN")]}))
    assert json.loads(service.bodies[-1])["configurations"] == [{"x": 0.25}, {}]


def test_predict_takes_a_row_of_a_frame(experiment, service):
    experiment.predict(pd.DataFrame({"x": [0.25]}).iloc[0])
    assert _asked(service) == [{"x": 0.25}]


def test_predict_asks_for_many_in_parts(experiment, service):
    frame = experiment.predict([{"x": n / 2000} for n in range(1500)])
    assert (len(frame), frame["mean"].iloc[-1]) == (1500, 1499 / 2000)
    assert [method for method, path in service.calls if path.endswith("predict")] == ["POST", "POST"]


def test_predict_of_a_later_part_says_how_its_configurations_are_counted(experiment, service):
    configurations = [{"x": 0.5}] * 1001
    plain = service.handle

    def refusing_the_second(request):
        n_before = sum(path.endswith("predict") for _, path in service.calls)
        refused = request.url.path.endswith("predict") and n_before == 1
        return problem(422, "invalid", "no") if refused else plain(request)

    experiment.connection._http.pool._transport.handler = refusing_the_second
    with pytest.raises(ServiceError) as caught:
        experiment.predict(configurations)
    assert caught.value.__notes__ == ["configurations.0 is the configuration at index 1000 of those given"]


@pytest.mark.parametrize(
    ("given", "message"),
    [(3, "not int"), ("x", "not str"), ([], "at least one"), ([3], "configurations.0"), ([{"x": None}], "0.x")],
)
def test_predict_refuses_what_is_no_configuration(experiment, given, message):
    with pytest.raises(InvalidInputError, match=message):
        experiment.predict(given)


def test_predict_waits_for_the_engine(experiment, service):
    service.trouble(PREDICT, problem(503, "suggestion_pending", "not ready", retry_after=1))
    assert len(experiment.predict({"x": 0.25})) == 1


def test_predict_that_the_engine_cannot_compute_is_not_asked_again(experiment, service):
    service.trouble(PREDICT, problem(503, "engine_failed", "too few observations", retry_after=1))
    with pytest.raises(UnavailableError, match="too few observations"):
        experiment.predict({"x": 0.25})
    assert service.waits == []


def test_predict_keeps_a_covariate_that_is_named_like_a_column(client, service):
    experiment = client.new("n", {name: {"vtype": "cont", "guess": 0, "min": 0, "max": 1} for name in ("x", "mean")})
    assert list(experiment.predict({"x": 0.25, "mean": 0.5}).columns) == ["x", "covars.mean", "mean", "sd"]


def test_predict_says_what_would_not_be_suggested(experiment):
    frame = experiment.predict([{"x": 0.25}, {"x": 1.25}])
    assert list(frame.columns) == ["x", "mean", "sd", "why_not"]
    assert frame["why_not"].fillna("").tolist() == ["", "not allowed: x is 1.25, at most 1"]


def test_predict_of_many_keeps_each_reason_at_its_configuration(experiment):
    frame = experiment.predict([{"x": 0.5}] * 1000 + [{"x": 1.5}])
    assert frame.index[frame["why_not"].notna()].tolist() == [1000]


def test_best_predicted_is_fetched(experiment, service):
    assert experiment.best_predicted is None
    best = {"covars": {"x": 0.25}, "mean": 0.5, "sd": 0.1, "data_rev": 3}
    service.experiments[str(experiment.exp_uuid)]["best_predicted"] = best
    assert repr(experiment.best_predicted) == "BestPredicted(x=0.25, response 0.50 ± 0.10)"
    assert "0.50 ± 0.10" in experiment.best_predicted._repr_html_()

"""The notebook about a noisy training that may fail runs top to bottom against a real service."""

import json

import pytest
from notebook_runs import executed, outputs_of, told_of

from autotune.pictures.picture import VEGA_LITE

N_RUNS = 30


async def test_network_is_tuned_though_some_trainings_fail(service):
    notebook = await executed("03-hyperparameters.ipynb")
    experiment, history = told_of(service, "Digits network")
    assert experiment["n_observations"] == len(history) == N_RUNS
    n_failed = sum(run["status"] == "failed" for run in history)
    assert 1 <= n_failed <= 12
    assert history[0]["response"] < experiment["best"]["response"] - 0.03
    assert experiment["best"]["response"] > 0.96
    # The standard deviation of the share of hits among 360 images.
    measured = next(run for run in history if run["status"] == "ok")
    share = measured["response"]
    assert measured["sds"]["accuracy"] == pytest.approx((share * (1 - share) / 360) ** 0.5)

    shown = json.dumps(notebook, ensure_ascii=False)
    assert shown.count("status failed: ") == n_failed
    drawn = [picture["description"] for picture in outputs_of(notebook, VEGA_LITE)]
    assert f"{n_failed} failed" in drawn[0]
    (table,) = [text for text in outputs_of(notebook, "text/plain") if "where we began" in text]
    assert "best predicted" in table

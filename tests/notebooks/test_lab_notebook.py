"""The lab notebook runs top to bottom against a real service, as its reader would run it."""

import json

import pytest
from notebook_runs import WIDGET, executed, outputs_of, told_of

from autotune.pictures.picture import VEGA_LITE
from processes import DEV_USER

N_LOADED, N_TYPED, N_OF_A_COLLEAGUE, N_DAYS = 8, 2, 1, 10


async def test_lab_notebook_finds_a_recipe_that_meets_the_threshold(service):
    notebook = await executed("02-lab.ipynb")
    experiment, history = told_of(service, "Coupling")
    assert experiment["n_observations"] == len(history) == N_LOADED + N_TYPED + N_OF_A_COLLEAGUE + N_DAYS

    suggested = [run["covars"] for run in history[N_LOADED:] if run["suggestion_uuid"]]
    assert len(suggested) == N_TYPED + N_DAYS
    assert all(sum(run[name] for name in ("water", "dioxane", "toluene")) == pytest.approx(1) for run in suggested)
    assert all(run["temperature"] % 5 == 0 for run in suggested)
    best = next(run for run in history if run["observation_uuid"] == experiment["best"]["observation_uuid"])
    assert best["responses"]["impurity"] <= 5
    # Two hundred thousand random recipes reach 86.7 with their noise, the loaded ones that meet the threshold 53.
    assert best["response"] > 80

    slip = next(run for run in history if run["version"] > 1)
    typed = [text for text in outputs_of(notebook, "text/plain") if "Told: yield" in text]
    assert f"yield {slip['response'] / 10:.3g}" in typed[1]

    drawn = [picture["description"] for picture in outputs_of(notebook, VEGA_LITE)]
    assert sum("over water, dioxane, toluene" in text for text in drawn) == 1
    assert len(list(outputs_of(notebook, WIDGET))) == 1
    shown = json.dumps(notebook, ensure_ascii=False)
    for text in ("8 runs told", "<span>°C</span>", "Told: yield", "(<= 5: met)"):
        assert text in shown, text
    assert DEV_USER["password"] not in shown

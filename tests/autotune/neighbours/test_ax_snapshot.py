"""The snapshots were written by Ax 1.0.0 and 1.3.1; of each only the generation strategy is left out."""

import json
from pathlib import Path

import pytest

from autotune.errors import InvalidInputError

SNAPSHOTS = Path(__file__).parent / "ax_snapshots"
VERSIONS = ["1.0.0", "1.3.1"]


def _covariates(experiment):
    return {name: covariate.model_dump(exclude_unset=True) for name, covariate in experiment.covars.items()}


def _constraints(experiment):
    return [constraint.model_dump(exclude={"ctype"}) for constraint in experiment.constraints]


@pytest.mark.parametrize("version", VERSIONS)
def test_experiment_of_ax_s_client_goes_on(client, service, version):
    said = []
    experiment = client.from_ax(SNAPSHOTS / f"client-{version}.json", say=said.append)
    middle = 10**-2
    assert _covariates(experiment) == {
        "minutes": {"vtype": "cont", "min": 15, "max": 45, "guess": 30},
        "rate": {"vtype": "cont", "min": 1e-4, "max": 1, "log": True, "guess": pytest.approx(middle)},
        "eggs": {"vtype": "int", "min": 0, "max": 5, "guess": 2},
        "steps": {"vtype": "cont", "min": 0, "max": 1, "step": 0.25, "guess": 0.5},
        "cocoa": {"vtype": "cat", "options": ["natural", "dutched", "raw"], "guess": "natural"},
        "layers": {"vtype": "cat", "options": [1, 2, 4], "ordered": True, "guess": 1},
        "sugar": {"vtype": "cat", "options": ["False", "True"], "guess": "False"},
    }
    assert _constraints(experiment) == [{"weights": {"minutes": 1, "eggs": 2}, "relation": "<=", "bound": 50}]
    assert {name: goal.model_dump(exclude_unset=True) for name, goal in experiment.responses.items()} == {
        "cost": {"goal": "minimize"},
        "taste": {"goal": "maximize", "reference": 0.2},
        "bitter": {"goal": "<=", "bound": 0.5},
    }
    assert [run["status"] for run in service.runs] == ["ok", "ok", "ok", "failed"]
    first = service.runs[0]
    # As the script that made the snapshot told it: cost = minutes / 10 with a standard error, taste = steps.
    assert first["responses"] == {
        "cost": pytest.approx(first["covars"]["minutes"] / 10, rel=1e-6),
        "taste": first["covars"]["steps"],
        "bitter": 0.25,
    }
    assert first["sds"] == {"cost": 0.1}
    assert said == [f"the Ax snapshot client-{version}.json: 2 arms left out: running, without data\n"]


@pytest.mark.parametrize("version", VERSIONS)
def test_experiment_of_ax_s_service_api_goes_on(client, service, version):
    experiment = client.from_ax(SNAPSHOTS / f"service-{version}.json", name="mine")
    assert experiment.name == "mine"
    assert list(experiment.covars) == ["lr", "n", "opt", "momentum", "a", "b"]  # the fixed parameter is none
    assert _constraints(experiment) == [{"weights": {"a": 1, "b": -1}, "relation": "<=", "bound": 0}]
    assert [(run["status"], run["sds"]) for run in service.runs] == [
        ("ok", {}),
        ("ok", {"loss": 0.0}),
        ("failed", {}),
        ("ok", {"loss": 0.0}),
    ]
    assert service.runs[0]["responses"]["loss"] == pytest.approx(service.runs[0]["covars"]["lr"], rel=1e-6)


def test_parameter_that_depends_on_another_is_active_with_it(client, service):
    experiment = client.from_ax(SNAPSHOTS / "service-1.3.1.json")
    assert experiment.covars["momentum"].active_if.model_dump() == {"covariate": "opt", "values": ["sgd"]}
    assert ["momentum" in run["covars"] for run in service.runs] == [True, False, False, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_arms_of_a_batch_are_runs(client, service, version):
    client.from_ax(SNAPSHOTS / f"batch-{version}.json", say=None)
    assert [(run["covars"], run["responses"], run["sds"]) for run in service.runs] == [
        ({"x": x, "y": 0.5}, {"gain": gain}, {"gain": 0.5}) for x, gain in [(0.0, 0.0), (0.5, 1.0)]
    ]


def _changed(tmp_path, change):
    snapshot = json.loads((SNAPSHOTS / "batch-1.3.1.json").read_text())
    change(snapshot)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(snapshot))
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda given: given["optimization_config"]["objective"].update(expression="2*a + b"),
            "no single metric",
        ),
        (
            lambda given: given["search_space"]["parameters"][0].update(__type="DerivedParameter"),
            "x is a Derived",
        ),
        (lambda given: given.update(optimization_config=None), "has no optimization_config"),
        (lambda given: given.pop("search_space"), "KeyError 'search_space'"),
        (lambda given: given.update(__type="Trial"), "no snapshot of an Ax experiment"),
    ],
)
def test_what_cannot_be_read_is_said(client, service, tmp_path, change, says):
    with pytest.raises(InvalidInputError, match=f"the Ax snapshot changed.json .*{says}"):
        client.from_ax(_changed(tmp_path, change))
    assert service.experiments == {}


def test_file_that_is_no_snapshot_is_refused(client, tmp_path):
    path = tmp_path / "x.json"
    for content in ("no json", "[1]"):
        path.write_text(content)
        with pytest.raises(InvalidInputError, match=r"the Ax snapshot x\.json"):
            client.from_ax(path)
    with pytest.raises(InvalidInputError, match="No such file"):
        client.from_ax(tmp_path / "absent.json")

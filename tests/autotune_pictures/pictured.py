"""Made-up experiments to draw, and checks of what was drawn: the schema of Vega-Lite 5, and a real renderer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any
from uuid import UUID

import jsonschema_rs
import vl_convert

import autotune_pictures as pictures
from autotune_pictures.parts.axes import covariate_axis
from autotune_pictures.parts.grids import steps_of
from autotune_wire.base import Configuration
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply, PredictReply
from autotune_wire.observations import Observation
from autotune_wire.responses import primary_of
from autotune_wire.space import CatCovariate, ContCovariate

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
TEMPERATURE = {"vtype": "int", "guess": 80, "min": 40, "max": 120, "step": 5}
RATE = {"vtype": "cont", "guess": 1e-3, "min": 1e-5, "max": 1e-1, "log": True}
BASE = {"vtype": "cat", "guess": "K2CO3", "options": ["K2CO3", "K3PO4", "Et3N"]}
COVARS = {"temperature": TEMPERATURE, "rate": RATE, "base": BASE}
YIELD = {"yield": {"goal": "maximize"}}
BOUNDED = {**YIELD, "impurity": {"goal": "<=", "bound": 5.0}}


def experiment(covars: Mapping[str, Any] = COVARS, responses: Mapping[str, Any] = YIELD, **fields: Any) -> Experiment:
    given = {
        "exp_uuid": UUID(int=1),
        "name": "coupling",
        "description": "",
        "covars": covars,
        "responses": responses,
        "direction": "maximize",
        "model_type": "SingleTaskGP",
        "acq_func": "auto",
        "seed": 1,
        "state": "active",
        "n_observations": 0,
        "best": None,
        "last_seq": 0,
        "time_created": START,
        "time_updated": START,
    }
    return Experiment.model_validate(given | fields)


def run(number: int, covars: Configuration, responses: Mapping[str, float] | None = None, **fields: Any) -> Observation:
    """Build the observation with a number, 1 for the oldest, told that many hours after the start."""
    measured = dict(responses or {})
    given = {
        "observation_uuid": UUID(int=number),
        "seq": number,
        "covars": covars,
        "response": next(iter(measured.values()), None),
        "responses": measured,
        "suggestion_uuid": None,
        "time_created": START + timedelta(hours=number),
    }
    return Observation.model_validate(given | fields)


def random_runs(of: Experiment, n: int, seed: int = 1) -> list[Observation]:
    """Build n runs anywhere in the space, every seventh failed, every ninth excluded."""
    random = Random(seed)
    runs = []
    for number in range(1, n + 1):
        covars = {name: _drawn(covariate, random) for name, covariate in of.covars.items()}
        if number % 7 == 0:
            runs.append(run(number, covars, status="failed"))
            continue
        measured = {name: 10 * random.random() for name in of.responses}
        runs.append(run(number, covars, measured, is_excluded=number % 9 == 0))
    return runs


def _drawn(covariate: Any, random: Random) -> Any:
    if isinstance(covariate, CatCovariate):
        return random.choice(covariate.options)
    if isinstance(covariate, ContCovariate) and covariate.n_values is None:
        return random.uniform(covariate.min, covariate.max)
    return covariate.value_at(random.randrange(covariate.n_values))


def insights_of(of: Experiment, runs: Sequence[Observation], **fields: Any) -> InsightsReply:
    """Build insights in which each response rises by one along each covariate, from its lowest value to its highest."""
    slices = {name: _slice(of, name) for name in of.covars}
    left_out = {
        response: [
            {"observation_uuid": each.observation_uuid, "observed": value, "mean": value + 1, "sd": 1.0}
            for each in runs
            if (value := each.responses.get(response)) is not None and not each.is_excluded
        ]
        for response in of.responses
    }
    given = {
        "data_rev": len(runs),
        "n_observations": len(runs),
        "leave_one_out": left_out,
        "importance": {response: {name: 1 / len(of.covars) for name in of.covars} for response in of.responses},
        "slices": dict.fromkeys(of.responses, slices),
        "noise_sds": dict.fromkeys(of.responses, 0.5),
        "pareto": [],
        "hypervolume": None,
        "reference": None,
        "best_observed": None,
        "best_predicted": None,
        "feasible_share": None,
        "earlier": [
            {"exp_uuid": one.exp_uuid, "name": one.name, "response": response, "weight": 0.9, "sd": 0.05}
            for response in of.responses
            for one in of.learn_from
        ],
    }
    return InsightsReply.model_validate(given | fields)


def _slice(of: Experiment, name: str) -> list[dict[str, Any]]:
    steps = steps_of(covariate_axis(name, of.covars[name]))
    return [
        {"value": step.value, "mean": place / max(1, len(steps) - 1), "sd": 0.5} for place, step in enumerate(steps)
    ]


def predicted(of: Experiment, configurations: Sequence[Configuration], why_not: str | None = None) -> PredictReply:
    """Predict each response by the place of the configuration in the list; the last is refused if a reason is given."""
    rows = [
        {response: {"mean": float(place), "sd": 1.0} for response in of.responses}
        for place in range(len(configurations))
    ]
    reasons = [None] * (len(rows) - 1) + [why_not]
    return PredictReply.model_validate({"data_rev": 1, "predictions": rows, "why_not": reasons})


def no_predictions(configurations: Sequence[Configuration]) -> PredictReply:
    return PredictReply.model_validate({"data_rev": 0, "predictions": [{} for _ in configurations]})


@cache
def _validator() -> Any:
    # The schema that Altair 5 carries. Its definitions have names such as Dict<Float>, which are no addresses.
    text = files("altair").joinpath("vegalite/v5/schema/vega-lite-schema.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(_renamed(json.loads(text)))


def _renamed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_renamed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _renamed(value) for key, value in schema.items()}
    if "definitions" in found:
        found["definitions"] = {_plain(key): value for key, value in found["definitions"].items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = "#/definitions/" + _plain(found["$ref"].removeprefix("#/definitions/"))
    return found


def _plain(name: str) -> str:
    return "".join(character if character.isalnum() else f"-{ord(character):x}-" for character in name)


def valid(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification as a notebook reads it back; fail where it is not Vega-Lite 5 or not plain finite data."""
    read = json.loads(json.dumps(spec, allow_nan=False))
    assert read == spec, "plain data, without tuples"
    errors = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in _validator().iter_errors(read)
    ]
    assert not errors, errors[:3]
    assert read["description"]
    return read


def svg_of(spec: Mapping[str, Any]) -> str:
    """Draw a specification with Vega-Lite 5.8, the oldest that the renderer has: JupyterLab's is older still."""
    return vl_convert.vegalite_to_svg(json.dumps(spec), vl_version="5.8")


def rows_of(spec: Mapping[str, Any], name: str = "runs") -> list[dict[str, Any]]:
    return spec["datasets"][name]


def layers_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all layers, those inside panels and layers too."""
    inner = [part for key in ("layer", "concat", "vconcat") for part in spec.get(key, [])]
    return [layer for part in inner for layer in [part, *layers_of(part)]]


def marks_of(spec: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the layers of one kind of mark, such as ``line``."""
    return [layer for layer in layers_of(spec) if "mark" in layer and layer["mark"]["type"] == kind]


def columns_of(layer: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns of a layer, as the texts that they are written as, by field."""
    (row,) = layer["data"]["values"]
    return {field.removeprefix("all_"): text.split(" ") for field, text in row.items()}


def table_of(layer: Mapping[str, Any], field: str) -> list[Any]:
    """Return the table in which a layer looks a field up."""
    calculated = [step["calculate"] for step in layer["transform"] if step.get("as") == field][-1]
    return list(json.loads(calculated[calculated.index("([") + 1 : calculated.rindex("])") + 1]))


@dataclass(frozen=True)
class Case:
    """An experiment with its runs, drawn by every picture."""

    experiment: Experiment
    runs: Sequence[Observation]
    has_model: bool = True

    def insights(self) -> InsightsReply:
        empty: dict[str, Any] = {"slices": {}, "leave_one_out": {}, "importance": {}, "earlier": []}
        return insights_of(self.experiment, self.runs, **({} if self.has_model else empty))

    def reply(self, configurations: Sequence[Configuration]) -> PredictReply:
        if not self.has_model:
            return no_predictions(configurations)
        return predicted(self.experiment, configurations, "a + b is 1.2, and must be <= 1")

    def grid(self) -> pictures.Grid:
        x, y = list(self.experiment.covars)[:2]
        return pictures.grid_of(self.experiment, x, y, {})

    def over_two(self, draw: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        grid = self.grid()
        return draw(self.experiment, self.runs, grid, self.reply(grid.configurations))

    def draw(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return how each picture that this experiment can have is drawn, by name."""
        given = self.experiment, self.runs
        found: dict[str, Callable[[], dict[str, Any]]] = {
            "history": lambda: pictures.history(*given),
            "slices": lambda: pictures.slices(*given, self.insights()),
            "importance": lambda: pictures.importance(self.experiment, self.insights()),
            "parallel": lambda: pictures.parallel(*given, None, self.insights()),
            "crossval": lambda: pictures.crossval(*given, self.insights()),
            "timeline": lambda: pictures.timeline(*given),
            "compare": lambda: pictures.compare(*given, *given),
        }
        if self.experiment.learn_from:
            found["earlier"] = lambda: pictures.earlier(self.experiment, self.insights())
        if len(self.experiment.covars) > 1:
            found["contour"] = lambda: self.over_two(pictures.contour)
            found["feasibility"] = lambda: self.over_two(pictures.feasibility)
        if sum(goal.goal in {"maximize", "minimize", "match"} for goal in self.experiment.responses.values()) > 1:
            found["pareto"] = lambda: pictures.pareto(*given)
            found["hypervolume"] = lambda: pictures.hypervolume(*given)
        shares = pictures.mixture_of(self.experiment)[:3]
        if shares:
            triangle = pictures.triangle_of(self.experiment, shares, {}, 6)
            found["ternary"] = lambda: pictures.ternary(*given, triangle, self.reply(triangle.configurations))
        return found


def primary(of: Experiment) -> str:
    return primary_of(of.responses)[0]

"""The tools that show what the model has learnt: insights in words, and pictures."""

import json
from base64 import b64encode
from typing import Annotated, Literal
from uuid import UUID

from mcp.types import CallToolResult, ContentBlock, EmbeddedResource, ImageContent, TextResourceContents
from pydantic import BaseModel, Field

from autotune.agents.answers import answer
from autotune.agents.reach import Reach
from autotune.agents.reading import Named
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.pictures.picture import VEGA_LITE, Picture
from autotune_wire.base import Configuration
from autotune_wire.experiments import BestPredicted
from autotune_wire.insights import HealthNote

Kind = Literal[
    "history", "slice", "contour", "importance", "crossval", "parallel", "timeline", "pareto", "hypervolume",
    "feasibility", "ternary", "earlier", "curves", "candidates",
]  # fmt: skip
_OF_RESPONSE = frozenset({"history", "slice", "contour", "importance", "crossval", "parallel", "ternary", "earlier"})
_OF_PLANE = frozenset({"contour", "feasibility"})

MAX_PICTURES = 3
"""How many pictures insights show: each costs a model as much as a page of text."""


class Learnt(BaseModel):
    """What the runs and the model show."""

    n_observations: int
    verdict: str
    health: list[HealthNote] = Field(description="What could be better, the gravest first.")
    importance: dict[str, dict[str, float]] = Field(description="By response: each covariate's share in its variation.")
    not_varied: list[str] = Field(description="The covariates that had one value in all runs.")
    best_predicted: BestPredicted | None
    feasible_share: float | None = Field(description="The share of the space that is predicted to work.")
    pictures: list[str] = Field(description="What each picture shows.")


class Drawn(BaseModel):
    """A picture."""

    exp_uuid: UUID
    description: str = Field(description="What the picture shows.")


class Drawing:
    """Shows an agent what was learnt."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def insights(
        self,
        experiment: Named,
        pictures: Annotated[bool, Field(description="Whether to show up to three pictures too.")] = False,
    ) -> Annotated[CallToolResult, Learnt]:
        """Tell what the model has learnt: a verdict, what could be better, which covariates matter, the best so far."""
        found = self._reach.experiment(experiment)
        learnt = found.insights()
        shown = learnt.pictures()[:MAX_PICTURES] if pictures else []
        data = Learnt(
            **learnt.model_dump(include=set(Learnt.model_fields)), pictures=[picture.description for picture in shown]
        )
        return answer(repr(learnt), data, *(_content(found, picture) for picture in shown))

    def draw(
        self,
        experiment: Named,
        kind: Annotated[
            Kind,
            Field(
                description="history: responses run by run; slice: predictions along each covariate; contour: over two "
                "covariates; importance: which covariates matter; crossval: how well the model predicts; parallel: all "
                "runs; timeline: when and by whom; pareto and hypervolume: several objectives; feasibility: where "
                "thresholds are met; ternary: three shares of a mixture; earlier: what earlier experiments count; "
                "curves: what runs reported while under way; candidates: the best rows left in a list."
            ),
        ] = "history",
        response: Annotated[str | None, Field(description="The response; if not given, the first objective.")] = None,
        x: Annotated[str | None, Field(description="The horizontal covariate of contour and feasibility.")] = None,
        y: Annotated[str | None, Field(description="The vertical covariate of contour and feasibility.")] = None,
        at: Annotated[
            Configuration | None,
            Field(description="Values of the other covariates, for contour, feasibility and ternary."),
        ] = None,
    ) -> Annotated[CallToolResult, Drawn]:
        """Draw a picture of an experiment, as a PNG; as Vega-Lite text where the server cannot draw one."""
        wanted = {"response": response, "x": x, "y": y, "at": at}
        given = {name: value for name, value in wanted.items() if value is not None}
        allowed = _options_of(kind)
        for name in given:
            if name not in allowed:
                takes = f"takes {', '.join(allowed)}" if allowed else "takes no options"
                raise InvalidInputError(f"{name} is {given[name]!r}; a picture of the kind {kind} {takes}")
        found = self._reach.experiment(experiment)
        picture: Picture = getattr(found.plot, kind)(**given)
        data = Drawn(exp_uuid=found.exp_uuid, description=picture.description)
        return answer(picture.description, data, _content(found, picture))


def _options_of(kind: Kind) -> list[str]:
    options = ["response"] if kind in _OF_RESPONSE else []
    options += ["x", "y"] if kind in _OF_PLANE else []
    return options + (["at"] if kind in _OF_PLANE or kind == "ternary" else [])


def _content(experiment: Experiment, picture: Picture) -> ContentBlock:
    png = picture.png()
    if png is not None:
        return ImageContent(data=b64encode(png).decode(), mime_type="image/png")
    text = json.dumps(picture.spec, ensure_ascii=False, allow_nan=False)
    uri = f"autotune://experiment/{experiment.exp_uuid}/picture.vl.json"
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=VEGA_LITE, text=text))

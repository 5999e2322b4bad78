"""What a worker and its engine processes say to each other."""

from pydantic import BaseModel

from autotune_service.engine.problem import Problem, Recommendation


class Request(BaseModel):
    """A problem to solve; with ``explore_because``, to be explored since the model failed."""

    problem: Problem
    explore_because: str | None = None


class Answer(BaseModel):
    """Recommendations, or why there are none; a process that is warm sends an empty one first."""

    recommendations: list[Recommendation] | None = None
    failure: str | None = None
    traceback: str | None = None

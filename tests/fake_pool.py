"""An engine that answers at once, for tests of everything around it."""

from autotune_service.compute.messages import Answer
from autotune_service.compute.pool import EngineError, Pool
from autotune_service.engine.interface import Insights, Prediction, Recommendation
from support import GUESS

SECONDS = 0.25


class FakePool(Pool):
    """Suggests the guess with one weight after the other, and keeps what it was asked.

    Attributes:
        fails_on: The kinds of requests that fail; ``explore`` is a suggestion without the model.
        acquisition: The acquisition's value of every suggestion.
    """

    def __init__(self, *fails_on, acquisition=None):
        super().__init__(1, 1)
        self.fails_on = set(fails_on)
        self.acquisition = acquisition
        self.requests = []
        self._n_suggested = 0

    async def warm(self):
        pass

    async def solve(self, request):
        self.requests.append(request)
        kind = "explore" if request.explore_because is not None else request.kind
        if kind in self.fails_on:
            raise EngineError("NotPSDError: no")
        if kind == "predict":
            return Answer(predictions=[self._predictions(request, one) for one in request.configurations])
        if kind == "insights":
            return Answer(insights=self._insights(request))
        suggested = [self._suggest(request) for _ in range(request.problem.n)]
        best = (suggested[0].covars, Prediction(2.0, 0.2)) if kind == "suggest" else None
        return Answer(recommendations=suggested, best_predicted=best, seconds=SECONDS)

    def _suggest(self, request):
        self._n_suggested += 1
        covars = GUESS | {"weight": 100.0 + self._n_suggested} | request.problem.fixed
        if request.explore_because is not None:
            return Recommendation(covars, "sobol", request.explore_because)
        return Recommendation(covars, "model", "because", self._predictions(request, covars), self.acquisition)

    @staticmethod
    def _predictions(request, covars):
        return {name: Prediction(covars["weight"], 0.5) for name in request.problem.responses}

    @staticmethod
    def _insights(request):
        problem = request.problem
        there = [index for index, run in enumerate(problem.runs) if run.responses]
        return Insights(
            leave_one_out={
                name: [Prediction(1.0, 0.5) if name in run.responses else None for run in problem.runs]
                for name in problem.responses
            },
            importance={name: {"weight": 0.75, "v1": 0.25} for name in problem.responses},
            slices={name: {"weight": [(6.6, Prediction(1.0, 0.5))]} for name in problem.responses},
            pareto=there[:1],
            hypervolume=None,
            reference=None,
            best_predicted=(GUESS, Prediction(2.0, 0.2)) if there else None,
            feasible_share=0.5 if len(problem.responses) > 1 else None,
        )

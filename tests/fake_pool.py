"""An engine that is done at once, for tests of everything around it."""

from autotune_service.compute.messages import Result
from autotune_service.compute.pool import EngineError, Pool
from autotune_service.engine.interface import Best, HealthNote, Insights, Prediction, SlicePoint, Suggestion
from support import GUESS

SECONDS = 0.25


class FakePool(Pool):
    """Suggests the guess with one weight after the other, and keeps what it was asked.

    Attributes:
        fails_on: The kinds of jobs that fail; ``explore`` is a suggestion without the model.
        acquisition: The acquisition's value of every suggestion.
        error: How they fail.
    """

    def __init__(self, *fails_on, acquisition=None, error=None):
        super().__init__(1, 1)
        self.fails_on = set(fails_on)
        self.acquisition = acquisition
        self.error = error or EngineError("NotPSDError: no")
        self.jobs = []
        self._n_suggested = 0

    async def warm(self):
        pass

    async def work(self, job, within_s=None):
        self.jobs.append(job)
        kind = "explore" if job.explore_because is not None else job.kind
        if kind in self.fails_on:
            raise self.error
        if kind == "predict":
            return Result(predictions=[self._predictions(job, one) for one in job.configurations])
        if kind == "insights":
            return Result(insights=self._insights(job))
        suggested = [self._suggest(job) for _ in range(job.given.n)]
        best = Best(suggested[0].covars, _best_predictions(job)) if kind == "suggest" else None
        return Result(suggestions=suggested, best_predicted=best, seconds=SECONDS)

    def _suggest(self, job):
        self._n_suggested += 1
        covars = GUESS | {"weight": 100.0 + self._n_suggested} | job.given.fixed
        if job.explore_because is not None:
            return Suggestion(covars, "sobol", job.explore_because)
        return Suggestion(covars, "model", "because", self._predictions(job, covars), self.acquisition)

    @staticmethod
    def _predictions(job, covars):
        return {name: Prediction(covars["weight"], 0.5) for name in job.given.responses}

    @staticmethod
    def _insights(job):
        given = job.given
        there = [index for index, run in enumerate(given.runs) if run.responses]
        return Insights(
            leave_one_out={
                name: [Prediction(1.0, 0.5) if name in run.responses else None for run in given.runs]
                for name in given.responses
            },
            importance={name: {"weight": 0.75, "v1": 0.25} for name in given.responses},
            descriptors={},
            not_varied=[],
            slices={name: {"weight": [SlicePoint(6.6, Prediction(1.0, 0.5))]} for name in given.responses},
            pareto=there[:1],
            hypervolume=None,
            reference=None,
            best_predicted=Best(GUESS, _best_predictions(job)) if there else None,
            best_by_context=[],
            feasible_share=0.5 if len(given.responses) > 1 else None,
            noise_sds=dict.fromkeys(given.responses, 0.1),
            n_used=len(given.runs),
            verdict="All is well.",
            health=[HealthNote("border", "the best lies at an end", "widen the range")],
        )


def _best_predictions(job):
    return {name: Prediction(2.0, 0.2) for name in job.given.responses}

"""The pictures of one experiment, each drawn from what the service knows now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import autotune_pictures as pictures
from autotune.ask_tell import AskTell
from autotune.calls.reading import history_pages
from autotune.calls.reporting import read_curves
from autotune.errors import InvalidInputError
from autotune.inputs.told import configuration_of
from autotune.pictures.picture import Picture
from autotune.transport.connection import Connection
from autotune.transport.coroutines import result_of
from autotune_pictures.parts.grids import BEST_PREDICTED
from autotune_wire import paths
from autotune_wire.base import Configuration
from autotune_wire.changes import SpaceRevisions
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply, Predict, PredictReply
from autotune_wire.observations import HistoryPage, Observation
from autotune_wire.space import backfilled

Told = list[Observation]


class Plots:
    """The pictures of an experiment; each call fetches what it needs and returns a ``Picture``.

    In all of them a run shows its values where the mouse points at it, and its mark says whether it is the best one,
    failed, is excluded, breaks a threshold, was made in another context, or did not measure the response. ``response``
    is the response that the picture is about; if not given, the first objective.
    """

    def __init__(self, connection: Connection, exp_uuid: UUID) -> None:
        self._connection = connection
        self._exp_uuid = exp_uuid

    def __repr__(self) -> str:
        names = [name for name in dir(self) if not name.startswith("_")]
        return f"Plots: {', '.join(f'{name}()' for name in names)}"

    def history(self, response: str | None = None, *, beside: Mapping[str, Sequence[float]] | None = None) -> Picture:
        """Draw the response of each run in the order of the runs, with the best so far.

        Args:
            response: The response.
            beside: Up to four other searches, drawn as grey lines to compare with: for each name the best so far after
                each run, such as ``{"random search": numpy.maximum.accumulate(found)}``.

        Raises:
            InvalidInputError: If an argument is not valid.
        """
        with _named_errors():
            return Picture(pictures.history(*self._told(), response, beside))

    def slice(self, response: str | None = None) -> Picture:
        """Draw the predicted response along one covariate at a time, with the runs."""
        with _named_errors():
            return Picture(pictures.slices(*self._told(), self._insights(), response))

    def contour(
        self,
        x: str | None = None,
        y: str | None = None,
        *,
        response: str | None = None,
        at: Mapping[str, Any] | None = None,
    ) -> Picture:
        """Draw the predicted response over two covariates, with the runs on it.

        Args:
            x: The horizontal covariate; the one that matters most if not given.
            y: The vertical covariate; the one that matters most of the others if not given.
            response: The response.
            at: Values of the other covariates; those of the best predicted configuration if not given.

        Raises:
            InvalidInputError: If an argument is not valid, or the experiment has a single covariate.
        """
        with _named_errors():
            experiment, told = self._told()
            grid = self._grid(experiment, x, y, response, at)
            return Picture(pictures.contour(experiment, told, grid, self._predict(grid.configurations), response))

    def feasibility(
        self, x: str | None = None, y: str | None = None, *, at: Mapping[str, Any] | None = None
    ) -> Picture:
        """Draw the probability that every threshold is met, over two covariates; takes and raises as ``contour``."""
        with _named_errors():
            experiment, told = self._told()
            grid = self._grid(experiment, x, y, None, at)
            return Picture(pictures.feasibility(experiment, told, grid, self._predict(grid.configurations)))

    def ternary(
        self, shares: Sequence[str] = (), *, response: str | None = None, at: Mapping[str, Any] | None = None
    ) -> Picture:
        """Draw the predicted response over three shares of a mixture, with the runs on it.

        Args:
            shares: The covariates at the top, at the left and at the right corner; the first three of the mixture if
                not given.
            response: The response.
            at: Values of the other covariates; those of the best predicted configuration if not given.

        Raises:
            InvalidInputError: If an argument is not valid, or the experiment has no mixture.
        """
        with _named_errors():
            experiment, told = self._told()
            names = list(shares) or pictures.mixture_of(experiment)[:3]
            triangle = pictures.triangle_of(experiment, names, self._others(experiment, at))
            return Picture(
                pictures.ternary(experiment, told, triangle, self._predict(triangle.configurations), response)
            )

    def importance(self, response: str | None = None) -> Picture:
        """Draw how much each covariate matters, for one response or for all."""
        with _named_errors():
            return Picture(pictures.importance(self._state(), self._insights(), response))

    def earlier(self, response: str | None = None) -> Picture:
        """Draw how much each earlier experiment counts, for one response or for all; needs ``learn_from``."""
        with _named_errors():
            return Picture(pictures.earlier(self._state(), self._insights(), response))

    def parallel(self, response: str | None = None) -> Picture:
        """Draw a line for each run through its values of all covariates."""
        with _named_errors():
            return Picture(pictures.parallel(*self._told(), response, self._insights()))

    def crossval(self, response: str | None = None) -> Picture:
        """Draw how well the model predicts each run from the other runs."""
        with _named_errors():
            return Picture(pictures.crossval(*self._told(), self._insights(), response))

    def pareto(self) -> Picture:
        """Draw the runs by their objectives, those on the Pareto front marked; needs two objectives."""
        with _named_errors():
            return Picture(pictures.pareto(*self._told()))

    def hypervolume(self) -> Picture:
        """Draw how much the Pareto front dominates after each run; needs two objectives."""
        with _named_errors():
            return Picture(pictures.hypervolume(*self._told()))

    def curves(self) -> Picture:
        """Draw what each run reported while it was under way, and which runs were stopped early."""
        return Picture(pictures.curves(self._state(), result_of(read_curves(self._connection, self._exp_uuid))))

    def timeline(self) -> Picture:
        """Draw when each run was told, and by whom."""
        pages = self._pages()
        tellers = {uuid: name for page in pages for uuid, name in page.tellers.items()}
        told = [observation for page in pages for observation in page.observations]
        return Picture(pictures.timeline(self._state(), told, tellers))

    def candidates(self) -> Picture:
        """Draw the predicted response of the rows that are left and look best; needs a list of candidates."""
        with _named_errors():
            return Picture(pictures.candidates(self._state(), self._insights()))

    def compare(self, other: AskTell) -> Picture:
        """Draw the best so far of this experiment and another one whose first objective has the same goal."""
        if not isinstance(other, AskTell):
            raise InvalidInputError(f"other is of type {type(other).__name__}; it must be an experiment")
        with _named_errors():
            its = Plots(other.connection, other.exp_uuid)
            return Picture(pictures.compare(*self._told(), *its._told()))

    def _state(self) -> Experiment:
        return self._connection.get(paths.EXPERIMENT.format(exp_uuid=self._exp_uuid), Experiment)

    def _insights(self) -> InsightsReply:
        return self._connection.get(paths.EXPERIMENT_INSIGHTS.format(exp_uuid=self._exp_uuid), InsightsReply)

    def _pages(self) -> list[HistoryPage]:
        async def collected() -> list[HistoryPage]:
            return [page async for page in history_pages(self._connection, self._exp_uuid)]

        return result_of(collected())

    def _told(self) -> tuple[Experiment, Told]:
        """Fetch the experiment and its observations, those of former spaces with the values that they stand for."""
        experiment = self._state()
        pages = self._pages()
        told = [observation for page in pages for observation in page.observations]
        if experiment.space_revision == 0:
            return experiment, told
        path = paths.EXPERIMENT_SPACES.format(exp_uuid=self._exp_uuid)
        spaces = self._connection.get(path, SpaceRevisions).spaces
        backfill = {name: value for revision in spaces for name, value in revision.backfill.items()}
        return experiment, [
            run.model_copy(update={"covars": backfilled(experiment.covars, run.covars, backfill)}) for run in told
        ]

    def _predict(self, configurations: Sequence[Configuration]) -> PredictReply:
        body = Predict(configurations=list(configurations))
        return self._connection.post(paths.EXPERIMENT_PREDICT.format(exp_uuid=self._exp_uuid), PredictReply, body)

    def _others(self, experiment: Experiment, at: Mapping[str, Any] | None) -> Configuration:
        best = {} if experiment.best_predicted is None else experiment.best_predicted.covars
        given = configuration_of(at, experiment.covars) if at is not None else {}
        unknown = [name for name in given if name not in experiment.covars]
        if unknown:
            allowed = ", ".join(map(repr, experiment.covars))
            raise pictures.PictureError(f"at has {unknown[0]!r}; it must have covariates of the experiment: {allowed}")
        return {**best, **given}

    def _grid(
        self, experiment: Experiment, x: str | None, y: str | None, response: str | None, at: Mapping[str, Any] | None
    ) -> pictures.Grid:
        if len(experiment.covars) < 2:
            raise pictures.PictureError(
                "contour and feasibility need two covariates; the experiment has one: draw slice"
            )
        if x is None or y is None:
            ranked = pictures.by_importance(experiment, self._insights(), response)
            x = x or next(name for name in ranked if name != y)
            y = y or next(name for name in ranked if name != x)
        what = BEST_PREDICTED if at is None else "the configuration given"
        return pictures.grid_of(experiment, x, y, self._others(experiment, at), what)


@contextmanager
def _named_errors() -> Iterator[None]:
    """Raise what is wrong with a picture's arguments as InvalidInputError."""
    try:
        yield
    except pictures.PictureError as error:
        raise InvalidInputError(str(error)) from None

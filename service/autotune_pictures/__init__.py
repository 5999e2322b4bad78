"""The pictures of an experiment: Vega-Lite 5 specifications as plain data, made from the contract's models alone."""

from autotune_pictures.candidates import candidates
from autotune_pictures.compare import compare
from autotune_pictures.contour import contour
from autotune_pictures.crossval import crossval
from autotune_pictures.curves import curves
from autotune_pictures.earlier import earlier
from autotune_pictures.feasibility import feasibility
from autotune_pictures.history import history
from autotune_pictures.hypervolume import hypervolume
from autotune_pictures.importance import by_importance, importance
from autotune_pictures.parallel import parallel
from autotune_pictures.pareto import pareto
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.grids import Grid, Triangle, grid_of, mixture_of, triangle_of
from autotune_pictures.slices import slices
from autotune_pictures.ternary import ternary
from autotune_pictures.timeline import timeline

__all__ = [
    "Grid",
    "PictureError",
    "Triangle",
    "by_importance",
    "candidates",
    "compare",
    "contour",
    "crossval",
    "curves",
    "earlier",
    "feasibility",
    "grid_of",
    "history",
    "hypervolume",
    "importance",
    "mixture_of",
    "parallel",
    "pareto",
    "slices",
    "ternary",
    "timeline",
    "triangle_of",
]

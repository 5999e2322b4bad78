"""Whether the runs of earlier experiments in an imported document are what an experiment can learn from."""

from collections import Counter
from collections.abc import Iterator

from autotune_service.domain.portable_text import PortableDocument
from autotune_wire.base import Configuration
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, Space


def earlier_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    """Find runs out of order or of no experiment that is named, unknown covariates and responses, and wrong counts."""
    sources, counted, last = document.experiment.learn_from, Counter[int](), 0
    for index, run in enumerate(document.earlier_runs):
        field = f"earlier_runs.{index}"
        if run.seq != index + 1:
            message = f"must be {index + 1}: the runs count from 1 without a gap"
            yield FieldProblem(field=f"{field}.seq", message=message, value=run.seq)
        if not last <= run.source < len(sources):
            message = f"must be a place in learn_from, from {last} to {len(sources) - 1}, in order"
            yield FieldProblem(field=f"{field}.source", message=message, value=run.source)
        last = max(last, run.source)
        counted[run.source] += 1
        yield from _value_problems(document.spaces[0].covars, run.covars, f"{field}.covars")
        for name in run.responses:
            if name not in document.experiment.responses:
                message = "is not a response of this experiment"
                yield FieldProblem(field=f"{field}.responses.{shown(name)}", message=message)
        for name in run.sds:
            if name not in run.responses:
                yield FieldProblem(field=f"{field}.sds.{shown(name)}", message="is not a response of this run")
    for source, earlier in enumerate(sources):
        if earlier.n_runs != counted[source]:
            message = f"must be {counted[source]}, the number of its runs in earlier_runs"
            yield FieldProblem(field=f"experiment.learn_from.{source}.n_runs", message=message, value=earlier.n_runs)


def _value_problems(space: Space, covars: Configuration, field: str) -> Iterator[FieldProblem]:
    for name, value in covars.items():
        if name not in space:
            message = "is not a covariate that this experiment was created with"
            yield FieldProblem(field=f"{field}.{shown(name)}", message=message)
        elif not isinstance(space[name], CatCovariate) and (isinstance(value, str | bool)):
            yield FieldProblem(field=f"{field}.{name}", message="must be a number", value=shown(value))
    for name, covariate in space.items():
        if name not in covars and covariate.active_if is None:
            yield FieldProblem(field=f"{field}.{name}", message="is missing")

"""Whether a new experiment can be served."""

from autotune_service.domain.candidates import CheckedRow, check_allowed, checked_rows
from autotune_service.domain.constraints import check_guess
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.models import EngineDemand, check_models
from autotune_wire.experiments import NewExperiment
from autotune_wire.problems import FieldProblem


def check_new(new: NewExperiment) -> list[CheckedRow]:
    """Check that the engine can serve a new experiment as described.

    Returns:
        The rows of its list; none without a list.

    Raises:
        InvalidError: If the engine, the model and the acquisition function named do not fit each other or the
            experiment, the engine cannot learn from earlier experiments, no configuration meets the constraints, or
            the guess violates a constraint; of a list, if a row does not fit the space, or none meets the constraints.
    """
    check_models(EngineDemand.of(new))
    if new.learn_from and new.engine != "autotune":
        message = f"the engine {new.engine} learns from no earlier experiment; leave it out, or use the engine autotune"
        raise InvalidError.of([FieldProblem(field="learn_from", message=message)])
    check_feasible(new.covars, new.constraints)
    if new.candidates is None:
        check_guess(new.covars, new.constraints)
        return []
    rows = checked_rows(new.covars, new.candidates, "candidates")
    check_allowed(new.covars, new.constraints, rows)
    return rows

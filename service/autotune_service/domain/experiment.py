"""Whether a new experiment can be served."""

from autotune_service.domain.constraints import check_guess
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.models import EngineDemand, check_models
from autotune_wire.experiments import NewExperiment
from autotune_wire.problems import FieldProblem


def check_new(new: NewExperiment) -> None:
    """Check that the engine can serve a new experiment as described.

    Raises:
        InvalidError: If the engine, the model and the acquisition function named do not fit each other or the
            experiment, the engine cannot learn from earlier experiments, no configuration meets the constraints, or
            the guess violates a constraint.
    """
    check_models(EngineDemand.of(new))
    if new.learn_from and new.engine != "autotune":
        message = f"the engine {new.engine} learns from no earlier experiment; leave it out, or use the engine autotune"
        raise InvalidError.of([FieldProblem(field="learn_from", message=message)])
    check_feasible(new.covars, new.constraints)
    check_guess(new.covars, new.constraints)

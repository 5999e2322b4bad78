"""Whether a new experiment can be served."""

from autotune_service.domain.constraints import check_guess
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.models import EngineDemand, check_models
from autotune_wire.experiments import NewExperiment


def check_new(new: NewExperiment) -> None:
    """Refuse an experiment that no engine could serve as it is described.

    Raises:
        InvalidError: If the names do not go together, no configuration meets the constraints, or the guess does not.
    """
    check_models(EngineDemand.of(new))
    check_feasible(new.covars, new.constraints)
    check_guess(new.covars, new.constraints)

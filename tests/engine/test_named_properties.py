"""What holds for every problem and every name that go together."""

from dataclasses import replace
from typing import get_args

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune_service.domain.configuration import checked_configuration
from autotune_service.engine.recommend import recommend
from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.responses import Objective
from generated import problems

MF = "qMultiFidelityMaxValueEntropy"


@st.composite
def named_problems(draw):
    problem = draw(problems())
    responses = problem.responses
    if "limit" in responses and draw(st.booleans()):
        responses = responses | {"limit": Objective(goal=draw(st.sampled_from(["minimize", "maximize"])))}
    has_fidelity = any(one.role == "fidelity" for one in problem.space.values())
    names = (
        ["auto"] if len(responses) > 1 else [MF] if has_fidelity else [one for one in get_args(AcqFunc) if one != MF]
    )
    acq_func, model_type = draw(st.sampled_from(names)), draw(st.sampled_from(get_args(ModelType)))
    return replace(problem, responses=responses, acq_func=acq_func, model_type=model_type, n=1)


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(named_problems())
def test_suggestion_is_a_configuration_that_meets_the_constraints(problem):
    (one,) = recommend(problem)
    assert checked_configuration(problem.space, one.covars) == one.covars
    assert all(constraint.holds(one.covars) for constraint in problem.constraints)
    assert {name: one.covars.get(name) for name in problem.fixed} == problem.fixed
    assert all(np.isfinite([found.mean, found.sd]).all() for found in one.predictions.values())

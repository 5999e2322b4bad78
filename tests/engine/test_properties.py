"""What holds for every problem that the contract allows."""

import random
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from botorch.exceptions import ModelFittingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune_service.domain.configuration import checked_configuration
from autotune_service.engine.interface import EngineInput
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import explore, suggest
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, is_active
from generated import (
    averaged_problems,
    configurations,
    fitted_to,
    greattunes_problems,
    large_problems,
    named_problems,
    problems,
    spaces,
)

_MOST_LISTED = 2000
any_problem = problems() | named_problems()
_LAST_RESORT = "no other configuration"

# Derandomized: the same examples on every machine, so that a failure elsewhere is a failure here.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
steady = settings(derandomize=True, deadline=None, max_examples=50, suppress_health_check=_SLOW)


def listed(problem: EngineInput) -> list[Any] | None:
    """List what may be suggested, None where that is too much."""
    n_most = 1
    for name, one in problem.space.items():
        if name not in problem.fixed:
            if one.n_values is None:
                return None
            n_most *= one.n_values
    if n_most > _MOST_LISTED:
        return None
    choices = [
        [problem.fixed[name]] if name in problem.fixed else _values_of(one) for name, one in problem.space.items()
    ]
    every = [dict(zip(problem.space, values, strict=True)) for values in product(*choices)]
    valid = [{name: one[name] for name in one if is_active(problem.space, name, one)} for one in every]
    return [one for one in valid if all(limit.holds(one) for limit in problem.constraints)]


def _values_of(covariate: Covariate) -> list[Any]:
    if isinstance(covariate, CatCovariate):
        return list(covariate.options)
    assert covariate.n_values is not None
    return [covariate.value_at(index) for index in range(covariate.n_values)]


@steady
@given(any_problem)
def test_suggestions_are_configurations_of_the_space(problem):
    for one in suggest(problem):
        assert checked_configuration(problem.space, one.covars) == one.covars  # the same to the last digit
        assert all(type(value) is not np.float64 for value in one.covars.values())


@steady
@given(any_problem)
def test_suggestions_meet_every_constraint_as_the_contract_counts(problem):
    for one in suggest(problem):
        assert all(constraint.holds(one.covars) for constraint in problem.constraints)


@steady
@given(any_problem)
def test_suggestions_keep_fixed_and_context_values_to_the_last_digit(problem):
    for one in suggest(problem):
        assert {name: one.covars.get(name) for name in problem.fixed} == problem.fixed


@steady
@given(any_problem)
def test_suggestions_differ_from_all_that_is_known_unless_nothing_else_is_left(problem):
    encoding = Encoding(problem.space, problem.retired)
    known = {encoding.key(one) for one in [run.covars for run in problem.runs] + problem.pending}
    every = {encoding.key(one) for one in listed(problem) or []}
    for one in suggest(problem):
        key = encoding.key(one.covars)
        assert (key in known) == (_LAST_RESORT in one.reason)
        assert key not in known or every <= known
        known.add(key)


@settings(steady, max_examples=25)
@given(any_problem, any_problem)
def test_same_problem_gets_the_same_answer_whatever_was_before(problem, other):
    first = suggest(problem)
    suggest(other)
    random.seed(len(other.runs))
    np.random.seed(other.seed)  # the global state is what must not matter
    assert suggest(problem) == first


@pytest.fixture(scope="module")
def replica():
    """Another process, as a second service has for its engine: it shares no memory with this one."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as processes:
        yield processes


@settings(steady, max_examples=25)
@given(any_problem, any_problem)
def test_either_replica_gives_the_same_answer(replica, problem, other):
    suggest(other)  # the two know different things by now
    assert replica.submit(suggest, problem).result() == suggest(problem)


@settings(steady, max_examples=8)
@given(averaged_problems(1) | averaged_problems(2), any_problem)
def test_either_replica_gives_the_same_answer_where_hyperparameters_are_averaged(replica, problem, other):
    assert all(len(surrogate.alternatives) > 1 for surrogate in fitted_to(problem).values())
    suggest(other)
    assert replica.submit(suggest, problem).result() == suggest(problem)


@settings(steady, max_examples=15)
@given(large_problems())
def test_suggestions_hold_all_of_it_after_long_histories_and_among_many_covariates_too(problem):
    encoding = Encoding(problem.space, problem.retired)
    known = {encoding.key(one) for one in [run.covars for run in problem.runs] + problem.pending}
    suggested = suggest(problem)
    for one in suggested:
        assert checked_configuration(problem.space, one.covars) == one.covars
        assert all(constraint.holds(one.covars) for constraint in problem.constraints)
        assert {name: one.covars.get(name) for name in problem.fixed} == problem.fixed
        key = encoding.key(one.covars)
        assert (key in known) == (_LAST_RESORT in one.reason)
        known.add(key)
    assert suggest(problem) == suggested


def as_served(problem):
    """Recommend as the service does: where greattunes cannot fit its model it explores, and says why."""
    try:
        return suggest(problem)
    except (ModelFittingError, RuntimeError) as error:  # torch says the latter of its matrices
        return explore(problem, str(error))


@settings(steady, max_examples=20)
@given(greattunes_problems())
def test_greattunes_too_suggests_configurations_of_the_space_that_are_new(problem):
    encoding = Encoding(problem.space, problem.retired)
    known = {encoding.key(one) for one in [run.covars for run in problem.runs] + problem.pending}
    every = {encoding.key(one) for one in listed(problem) or []}
    for one in as_served(problem):
        assert checked_configuration(problem.space, one.covars) == one.covars
        assert {name: one.covars[name] for name in problem.fixed} == problem.fixed
        key = encoding.key(one.covars)
        assert key not in known or every <= known
        known.add(key)


@settings(steady, max_examples=10)
@given(greattunes_problems(), greattunes_problems())
def test_greattunes_too_gives_the_same_answer_on_either_replica(replica, problem, other):
    as_served(other)
    assert replica.submit(as_served, problem).result() == as_served(problem)


@steady
@given(any_problem)
def test_every_suggestion_of_a_model_comes_with_what_it_expects(problem):
    for one in suggest(problem):
        measured = {name for run in problem.runs if not run.is_failed for name in run.responses}
        assert set(one.predictions) == (measured if one.source == "model" else set())
        assert all(np.isfinite([found.mean, found.sd]).all() for found in one.predictions.values())


@steady
@given(any_problem)
def test_exploring_also_keeps_to_the_region(problem):
    for one in explore(problem, "no reason"):
        assert checked_configuration(problem.space, one.covars) == one.covars
        assert all(constraint.holds(one.covars) for constraint in problem.constraints)
        assert {name: one.covars.get(name) for name in problem.fixed} == problem.fixed


@steady
@given(spaces(), st.data())
def test_decoding_inverts_encoding(space, data):
    covars = data.draw(configurations(space))
    encoding = Encoding(space)
    decoded = encoding.decode(encoding.encode([covars])[0])
    assert encoding.key(decoded) == encoding.key(covars)
    for name, value in covars.items():
        covariate = space[name]
        if isinstance(covariate, ContCovariate) and covariate.step is None:
            # A share of the range, in logarithms of it: rounding costs some units of the last digit of the larger end.
            assert abs(decoded[name] - value) <= 1e-13 * max(abs(covariate.min), abs(covariate.max))
        else:
            assert decoded[name] == value
    assert list(decoded) == list(covars)


@steady
@given(spaces(), st.integers(0, 2**31))
def test_points_of_the_unit_cube_become_settings(space, seed):
    encoding = Encoding(space)
    rows = encoding.from_unit(np.random.default_rng(seed).random((8, len(space))))
    for row in rows:
        covars = encoding.decode(row)
        assert checked_configuration(space, covars) == covars
        np.testing.assert_allclose(encoding.encode([covars])[0], row, atol=1e-9)
    np.testing.assert_array_equal(encoding.snap(rows.copy()), rows)

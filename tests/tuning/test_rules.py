"""Whatever is done in whatever order, what is stored is what `expected` says."""

import pytest
from checked import World
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from use_cases import UseCases

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
# Derandomized: the same examples on every machine, so that a failure elsewhere is a failure here.
SHORT = settings(derandomize=True, deadline=None, max_examples=60, stateful_step_count=20, suppress_health_check=_SLOW)
LONG = settings(deadline=None, max_examples=300, stateful_step_count=60, suppress_health_check=_SLOW, print_blob=True)


@pytest.fixture
def world(cluster, template):
    world = World(cluster, template)
    yield world
    world.close()


def test_use_cases_keep_the_rules_in_any_order(world, pytestconfig):
    machine = type("UseCasesHere", (UseCases,), {"world": world})
    run_state_machine_as_test(machine, settings=LONG if pytestconfig.getoption("--soak") else SHORT)

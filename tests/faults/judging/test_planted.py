"""The judge is judged: each bug that is planted in the service is found within fifty schedules."""

import asyncio

import pytest
from judge.verdict import judge
from planted import BUGS, changed, plant
from play import Play
from schedule import schedule_of
from servers import Bench

_MOST = 50


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted_bug_has_its_place(bug, root):
    compile(changed(bug, (root / "service" / bug.file).read_text()), bug.file, "exec")


@pytest.mark.soak
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted_bug_is_found(bug, root, tmp_path):
    bench = asyncio.run(Bench(plant(bug, root / "service", tmp_path / "service")).open())
    try:
        for seed in range(_MOST):
            found = judge(Play(bench, seed, schedule_of(seed, has_failover=False)).run())
            if found:
                print(f"{bug.name}: found after {seed + 1} schedules as {sorted({one.kind for one in found})}")
                return
    finally:
        bench.close()
    pytest.fail(f"{bug.name}: not found in {_MOST} schedules")

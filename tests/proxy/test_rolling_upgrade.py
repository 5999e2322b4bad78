"""The version before is replaced by this one behind nginx, while people tell and watch."""

import asyncio
import os

import pytest
from crowd import Crowd
from lab_stack import Stack

from processes import run_autotune
from raw_database import execute
from released import code_of, dump_of, released

FORMER = released()[-1]
EMAIL = "grace@example.org"
"""Somebody of whom there is nothing in the dump."""


@pytest.fixture
def former(tmp_path):
    """A stack of the version before, with what its users had stored."""
    code = code_of(FORMER, tmp_path / "former")
    if code is None:
        pytest.skip("the history of the repository is not there, and with it the code of the version before")
    with Stack(tmp_path, lambda url: asyncio.run(execute(url, dump_of(FORMER))), **code) as stack:
        stack.sign_up(EMAIL)
        yield stack


def test_upgrade_loses_nothing_and_nobody_sees_an_error_that_cannot_be_retried(former, times):
    crowd = Crowd(former, EMAIL, times(8, 50))
    try:
        crowd.wait_for_tells(times(6, 80))
        migrated = run_autotune("migrate", **former.variables)
        assert migrated.returncode == 0, migrated.stderr
        crowd.wait_for_tells(times(6, 40))
        own = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        former.restart(former.workers, **own)
        former.restart(former.replicas[:1], **own)
        crowd.wait_for_tells(times(6, 50))  # one of each version takes them
        former.restart(former.replicas[1:], **own)
        crowd.wait_for_tells(times(6, 80))
        told = crowd.end()
        crowd.check_nothing_is_lost(told)
        assert len(told) >= times(48, 500)
        print(f"{len(told)} tells; answers {dict(crowd.robot.answers)}, resets {crowd.watchers.n_resets}")
    finally:
        crowd.close()

"""Whose an error of the database is, by its SQLSTATE: ours, which is a 500, or its own, which is a 503."""

import asyncpg
import pytest

from autotune_service.store.server.refusals import (
    Verdict,
    is_seen_by_changes_alone,
    is_settled_elsewhere,
    refusal_of,
    verdict_of,
)

# Every class of appendix A of Postgres' manual that an error can be of, and what was decided for it by hand.
OURS, REFUSED, BUSY = Verdict.OURS, Verdict.REFUSED, Verdict.BUSY
CLASSES = {
    "02": REFUSED, "03": OURS, "08": REFUSED, "09": REFUSED, "0A": OURS, "0B": OURS, "0F": OURS, "0L": OURS,
    "0P": OURS, "0Z": OURS, "10": OURS, "20": OURS, "21": OURS, "22": OURS, "23": OURS, "24": OURS, "25": OURS,
    "26": REFUSED, "27": OURS, "28": REFUSED, "2B": OURS, "2D": OURS, "2F": REFUSED, "34": OURS, "38": REFUSED,
    "39": REFUSED, "3B": OURS, "3D": REFUSED, "3F": REFUSED, "40": BUSY, "42": OURS, "44": OURS, "53": REFUSED,
    "54": REFUSED, "55": REFUSED, "57": REFUSED, "58": REFUSED, "72": REFUSED, "F0": REFUSED, "HV": REFUSED,
    "P0": REFUSED, "XX": REFUSED,
}  # fmt: skip
EXCEPTIONS = {
    "25006": REFUSED,  # read-only
    "25P03": REFUSED,  # idle in a transaction for too long
    "25P04": REFUSED,  # a transaction took too long
    "42501": REFUSED,  # a privilege was revoked
    "42P01": REFUSED,  # a table is gone
    "42P05": REFUSED,  # a prepared statement is there already
    "55P03": BUSY,  # a lock was not free
    "57014": BUSY,  # a statement took too long
}


def known_errors():
    """Every error that asyncpg has a class for, with its SQLSTATE."""
    kinds = [kind for kind in vars(asyncpg.exceptions).values() if isinstance(kind, type)]
    states = {kind.sqlstate for kind in kinds if issubclass(kind, asyncpg.PostgresError) and kind.sqlstate}
    return sorted(state for state in states if state[:2] not in {"00", "01"})  # success and warnings


def error_of(sqlstate):
    return asyncpg.PostgresError.new({"C": sqlstate, "M": "said"})


def test_every_error_that_the_driver_knows_is_judged():
    states = known_errors()
    assert len(states) > 200
    judged = {state: verdict_of(state) for state in states}
    assert judged == {state: EXCEPTIONS.get(state, CLASSES[state[:2]]) for state in states}


@pytest.mark.parametrize("sqlstate", ["99999", "ZZ001", "AB123", "", None])
def test_error_that_nobody_knows_is_the_databases_own(sqlstate):
    assert refusal_of(error_of(sqlstate)) is not None


def test_bug_of_ours_is_no_refusal():
    for sqlstate in ("23505", "42703", "22P02", "25P02"):
        assert refusal_of(error_of(sqlstate)) is None
    assert refusal_of(asyncpg.exceptions._base.DataError("invalid input for query argument $1")) is None
    assert refusal_of(ZeroDivisionError()) is None


def test_prepared_statement_of_an_older_schema_is_prepared_anew():
    assert refusal_of(asyncpg.InvalidCachedStatementError("cached statement plan is invalid")) is not None


@pytest.mark.parametrize("error", [OSError(), TimeoutError(), asyncpg.InterfaceError("closed")], ids=repr)
def test_lost_connection_is_a_refusal(error):
    assert refusal_of(error) is not None


def test_refusal_says_why_and_when_to_come_back():
    refusal = refusal_of(error_of("53100"))
    assert "disk is full (SQLSTATE 53100)" in refusal.detail
    assert refusal.retry_after_s > 0


def test_connection_that_may_lead_to_the_wrong_server_is_replaced():
    replaced = [
        state for state in ("25006", "57P01", "26000", "08006", "3D000") if is_settled_elsewhere(error_of(state))
    ]
    assert replaced == ["25006", "57P01", "26000", "08006", "3D000"]
    assert not [state for state in ("40001", "57014", "53100", "23505") if is_settled_elsewhere(error_of(state))]


def test_full_disk_is_seen_by_changes_alone():
    assert all(is_seen_by_changes_alone(error_of(state)) for state in ("53100", "53200", "58030", "25006", "99999"))
    assert not any(is_seen_by_changes_alone(error_of(state)) for state in ("57P01", "40001", "57014", "23505"))

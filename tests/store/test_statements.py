"""A statement that is compiled once runs with the values of each call, as one that is compiled anew."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from databases.backends.postgres import PostgresBackend, PostgresConnection
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.bulk import insert_rows
from autotune_service.store.statements import CachingConnection
from autotune_service.store.tables import answered_requests, events, experiments, suggestions

ONE, TWO = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def connections():
    backend = PostgresBackend("postgresql://nobody@127.0.0.1/none")
    return CachingConnection(backend, backend._dialect), PostgresConnection(backend, backend._dialect)


def update(**values):
    return sa.update(experiments).where(experiments.c.exp_uuid == ONE).values(**values)


def put(answer):
    values = {"status": None, "answer": answer}
    query = insert(answered_requests).values(user_uuid=ONE, key="k", body_hash=b"x", created_at=NOW, **values)
    return query.on_conflict_do_update(index_elements=["user_uuid", "key"], set_=values)


def some(uuids):
    return sa.update(suggestions).where(suggestions.c.suggestion_uuid.in_(uuids)).values(state="told")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            sa.select(events).where(events.c.exp_uuid == ONE, events.c.seq > 3).limit(5),
            sa.select(events).where(events.c.exp_uuid == TWO, events.c.seq > 4).limit(6),
        ),
        (update(last_seq=3, best_covars={"x": 1}), update(last_seq=4, best_covars={"y": [2]})),
        (update(last_seq=3, best_covars=None), update(last_seq=4, best_covars={"y": [2]})),
        (update(last_seq=3), update(n_open=3)),
        (put("a"), put("b")),
        (some([ONE]), some([ONE, TWO])),
        (
            insert_rows(events, ("exp_uuid", "seq"), [{"exp_uuid": ONE, "seq": 1}]),
            insert_rows(events, ("exp_uuid", "seq"), [{"exp_uuid": TWO, "seq": 2}]),
        ),
    ],
    ids=["select", "update", "update to nothing", "other columns", "upsert", "list", "many rows"],
)
def test_kept_statement_is_the_one_that_is_compiled_anew(connections, first, second):
    caching, plain = connections
    for query in (first, second, first):
        text, arguments, columns = caching._compile(query)
        expected_text, expected_arguments, expected_columns = plain._compile(query)
        assert (text, arguments) == (expected_text, expected_arguments)
        assert [column[0] for column in columns or ()] == [column[0] for column in expected_columns or ()]

"""A statement that is compiled once runs with the values of each call, as one that is compiled anew."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from databases.backends.postgres import PostgresBackend
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.statements import Statement, filled, json_text, together
from autotune_service.store.tables import events, experiments, requests, suggestions

ONE, TWO = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def update(**values):
    return sa.update(experiments).where(experiments.c.exp_uuid == ONE).values(**values)


def put(reply):
    values = {"status": None, "reply": reply}
    query = insert(requests).values(user_uuid=ONE, key="k", body_hash=b"x", created_at=NOW, **values)
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
    ],
    ids=["select", "update", "update to nothing", "other columns", "upsert", "list"],
)
def test_kept_query_is_the_one_that_is_compiled_anew(first, second):
    for query in (first, second, first):
        dialect = PostgresBackend("postgresql:///")._dialect
        dialect._json_serializer = json_text
        anew = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        names = sorted(anew.params)
        shapes = anew._bind_processors
        ready = filled(query)
        assert ready.compiled.text == anew.string % {name: f"${place}" for place, name in enumerate(names, 1)}
        assert ready.arguments == [shapes.get(name, lambda value: value)(anew.params[name]) for name in names]


def test_statement_has_the_values_of_each_call():
    statement = Statement(
        sa.update(experiments)
        .where(experiments.c.exp_uuid == sa.bindparam("of_uuid"), experiments.c.state == "active")
        .values(best_covars=sa.bindparam("best_covars", type_=experiments.c.best_covars.type))
    )
    update, where = "UPDATE autotune.experiments SET best_covars=$1::JSON", "autotune.experiments.exp_uuid = $2::UUID"
    expected = f"{update} WHERE {where} AND autotune.experiments.state = $3"
    for uuid, covars, text in ((ONE, {"b": 1, "a": 2}, '{"b":1,"a":2}'), (TWO, None, None)):
        ready = statement(of_uuid=uuid, best_covars=covars)
        assert ready.compiled.text == expected
        assert ready.arguments == [text, uuid, "active"]


async def test_rows_are_stored_in_bulk_and_read_as_they_were(store):
    async with store.work() as work:
        await work.run(sa.text("CREATE TABLE things (name text, content json, at timestamptz, part double precision)"))
        table = sa.table(
            "things",
            sa.column("name", sa.Text),
            sa.column("content", sa.JSON),
            sa.column("at", sa.DateTime(timezone=True)),
            sa.column("part", sa.Double),
        )
        rows = [
            {"name": "50 % 'of' $1", "content": {"b": [1, None], "a": "50 %"}, "at": NOW, "part": 0.5},
            {"name": None, "content": None, "at": NOW, "part": None},
        ]
        await work.run(insert_rows(table, list(rows[0]), rows))
        assert await work.all(sa.select(table).order_by(table.c.name)) == rows
        (only,) = await work.all(sa.select(table.c.content).where(table.c.name.like("50 %")))
        assert list(only["content"]) == ["b", "a"]


@pytest.mark.parametrize("values", [{}, {"of_uuid": ONE, "state": "x"}])
def test_statement_without_a_value_or_with_one_too_many_is_refused(values):
    statement = Statement(sa.select(experiments).where(experiments.c.exp_uuid == sa.bindparam("of_uuid")))
    with pytest.raises(TypeError, match="of_uuid"):
        statement(**values)


def test_statements_together_count_their_places_on():
    names = [f"n{n:02}" for n in range(11)]
    things = sa.table("things", *(sa.column(name, sa.Text) for name in names))
    added = Statement(sa.insert(things).values({name: sa.bindparam(name, type_=sa.Text) for name in names}))
    told = Statement(sa.select(sa.bindparam("one", type_=sa.Text) + sa.bindparam("two", type_=sa.Text)))
    parts = [added(**dict.fromkeys(names, "x")), told(one="a", two="b")]
    text = together(*(part.compiled for part in parts))
    places = ", ".join(f"${n}" for n in range(1, 12))
    stored = f"INSERT INTO things ({', '.join(names)}) VALUES ({places})"
    assert text == f"WITH part_1 AS ({stored}) SELECT $12 || $13 AS anon_1"

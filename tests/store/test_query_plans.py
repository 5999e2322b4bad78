"""The hot queries, as the store makes them, use their index: Postgres chooses so itself where there is much to read."""

from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from autotune_service.domain.errors import NotFoundError
from autotune_service.store.rows.audit import list_audit
from autotune_service.store.rows.due import claim_due_experiment, count_due
from autotune_service.store.rows.events import has_event, list_events
from autotune_service.store.rows.experiments import (
    get_experiment_and_pending,
    get_shown_experiment,
    list_stamped,
    list_stamps,
)
from autotune_service.store.rows.observations import (
    get_numbered,
    get_observation,
    list_newest,
    list_newest_of,
    list_observations,
)
from autotune_service.store.rows.overviews import get_outcomes
from autotune_service.store.rows.questions import (
    claim_waiting_question,
    count_waiting,
    delete_old_replies,
    get_question,
)
from autotune_service.store.rows.suggestions import list_pending, list_suggestions
from autotune_service.store.statements import filled
from raw_database import connect

OWNER = LARGE = UUID(int=1)
SMALL = UUID(int=2)

# Two thousand users in groups, and a thousand experiments of one of them among twenty thousand; one has 50,000
# observations, as many suggestions and events.
FILL = """
CREATE FUNCTION pg_temp.nth(n bigint) RETURNS uuid LANGUAGE sql
    RETURN lpad(to_hex(n), 32, '0')::uuid;
INSERT INTO users (user_uuid, email, password_hash, is_active, created_at)
    SELECT pg_temp.nth(n), n || '@example.org', '', true, now() FROM generate_series(1, 2000) AS n;
INSERT INTO engine_use SELECT user_uuid, 1.0, now() FROM users;
INSERT INTO experiments (
        exp_uuid, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at,
        updated_at, last_seq, n_observations, data_rev, fit_rev, n_open, n_wanted, responses, constraints, engine,
        space_revision
    ) SELECT pg_temp.nth(n), pg_temp.nth(1 + (n - 1) % 20), 'one', '', '{}', '', 'auto',
        'maximize', 0, 'active', now(), now(), 50000, 50000, 1, CASE WHEN n % 100 = 0 THEN 0 ELSE 1 END, 1, 1, '{}',
        '[]', 'autotune', 0
    FROM generate_series(1, 20000) AS n;
INSERT INTO suggestions (
        suggestion_uuid, exp_uuid, seq, state, covars, source, reason, data_rev, created_at, predictions, fixed
    ) SELECT pg_temp.nth(n), pg_temp.nth(CASE WHEN n <= 50000 THEN 1 ELSE n - 50000 END), n,
        CASE WHEN n <= 49999 THEN 'told' ELSE 'open' END, '{}', 'model', '', 1, now(), '{}', '{}'
    FROM generate_series(1, 70000) AS n;
INSERT INTO observations (
        exp_uuid, seq, observation_uuid, covars, response, created_at, responses, sds, status, version, is_excluded
    ) SELECT pg_temp.nth(CASE WHEN n <= 50000 THEN 1 ELSE n - 50000 END), n, pg_temp.nth(n), '{}', 0.5, now(), '{}',
        '{}', 'ok', 1, false
    FROM generate_series(1, 70000) AS n;
INSERT INTO events (exp_uuid, seq, type, created_at, data)
    SELECT exp_uuid, seq, 'observation_added', now(), '{}' FROM observations;
INSERT INTO questions (question_uuid, exp_uuid, kind, body, body_key, data_rev, state, created_at)
    SELECT pg_temp.nth(n), pg_temp.nth(1 + n % 2000), 'predict', '{}', n::text, 1,
        CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'answered' END, now()
    FROM generate_series(1, 10000) AS n;
INSERT INTO groups (group_uuid, owner_uuid, name)
    SELECT pg_temp.nth(n), pg_temp.nth(n), 'lab' FROM generate_series(1, 500) AS n;
INSERT INTO group_members (group_uuid, email)
    SELECT pg_temp.nth(1 + n % 500), (1 + n % 1999) || '@example.org' FROM generate_series(1, 10000) AS n
    ON CONFLICT DO NOTHING;
INSERT INTO members (exp_uuid, email, group_uuid, role)
    SELECT pg_temp.nth(n), CASE WHEN n % 2 = 0 THEN (1 + n % 1999) || '@example.org' END,
        CASE WHEN n % 2 = 1 THEN pg_temp.nth(1 + n % 499) END, 'viewer'
    FROM generate_series(1, 20000) AS n;
INSERT INTO audit (at, user_uuid, account_uuid, way, action, data)
    SELECT now(), pg_temp.nth(1 + n % 2000), pg_temp.nth(1 + n % 1999), 'token', 'signed_in', '{}'
    FROM generate_series(1, 20000) AS n;
ANALYZE;
"""


@pytest.fixture(scope="module")
async def much(cluster, template):
    """A connection to a database in which there is much."""
    async with cluster.database(template) as url:
        connection = await connect(url)
        await connection.execute(FILL)
        yield connection
        await connection.close()


class Recorder:
    """Takes the place of a transaction and keeps the first query instead of running it."""

    query = None

    async def all(self, query):
        await self.run(query)
        return []

    async def one(self, query):
        await self.run(query)

    async def run(self, query):
        self.query = query if self.query is None else self.query

    @asynccontextmanager
    async def work(self):
        yield self


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda work: list_events(work, LARGE, 5, 500), "events_pkey"),
        (lambda work: list_observations(work, LARGE, 5, 50), "observations_pkey"),
        (lambda work: get_numbered(work, LARGE, 50), "observations_pkey"),
        (lambda work: list_newest(work, LARGE, 50_000, 8), "observations_pkey"),
        (lambda work: get_observation(work, LARGE, UUID(int=50)), "observations_observation_uuid_key"),
        (lambda work: list_newest_of(work, LARGE, OWNER, 1), "observations_pkey"),
        (lambda work: list_pending(work, LARGE), "suggestions_pending"),
        (lambda work: get_experiment_and_pending(work, LARGE, OWNER), "suggestions_pending"),
        (lambda work: list_stamped(work, OWNER, [UUID(int=n) for n in range(1, 1001, 20)]), "experiments_"),
        (lambda work: get_shown_experiment(work, LARGE, OWNER), "observations_observation_uuid_key"),
        (lambda work: claim_due_experiment(work, "w", timedelta(seconds=1)), "experiments_with_work"),
        (lambda work: has_event(work, SMALL, "suggestion_created"), "events_pkey"),
        (lambda work: count_due(work), "experiments_with_work"),
        (lambda work: count_waiting(work), "questions_waiting"),
        (lambda work: claim_waiting_question(work, "w", timedelta(seconds=1)), "questions_waiting"),
        (lambda work: get_question(work, LARGE, "predict", "key"), "questions_exp_uuid_kind_body_key_key"),
        (lambda work: delete_old_replies(work, LARGE, 1), "questions_exp_uuid_kind_body_key_key"),
    ],
    ids=[
        "events",
        "history",
        "observation by its number",
        "newest observations",
        "observation to be noted",
        "newest observation of a user",
        "pending suggestions",
        "experiment that is told to",
        "experiments by uuid",
        "experiment to be shown",
        "work that is due",
        "anything of a kind",
        "how much work is due",
        "how many questions wait",
        "question that waits",
        "question asked before",
        "old answers",
    ],
)
async def test_hot_query_uses_its_index(much, call, index):
    plan = await plan_of(much, call)
    assert index in plan
    assert "Seq Scan" not in plan
    # A claim sorts what is due by who has used least: an index of that would change with every run of the engine.
    assert "Sort" not in plan or "with_work" in index or index == "questions_waiting"


async def test_suggestions_that_a_tell_names_are_found_by_their_uuids(much):
    plan = await plan_of(much, lambda work: list_suggestions(work, LARGE, [UUID(int=n) for n in range(1, 1001)]))
    assert "suggestions_pkey" in plan
    assert "Seq Scan" not in plan


async def test_list_of_all_experiments_of_a_user_reads_no_others(much):
    plan = await plan_of(much, lambda work: list_stamps(work, OWNER, None, 1000))
    assert "experiments_of_owner" in plan
    assert "Seq Scan" not in plan


async def test_audit_of_a_user_and_of_the_account_reads_no_others(much):
    plan = await plan_of(much, lambda work: list_audit(work, before=None, limit=100, user_uuid=OWNER))
    assert "audit_of_user" in plan
    assert "audit_of_account" in plan
    assert "Seq Scan" not in plan


async def test_outcomes_of_the_newest_runs_read_no_others(much):
    """What is sorted for the numbers comes after the limit."""
    experiment = SimpleNamespace(exp_uuid=LARGE, last_seq=50_000, n_observations=50_000, responses={"y": None})
    plan = await plan_of(much, lambda work: get_outcomes(work, experiment, 8))
    assert "Index Scan Backward using observations_pkey" in plan.split("Limit", 1)[1]
    assert "suggestions_pkey" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan.split("Limit", 1)[1]


async def plan_of(connection, call):
    recorder = Recorder()
    with suppress(NotFoundError, AssertionError):  # the recorder finds nothing
        await call(recorder)
    ready = filled(recorder.query)
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {ready.compiled.text}", *ready.arguments))

"""The hot queries, as the store makes them, use their index, also where a table is small enough to be read whole."""

from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from autotune_service.store.events import list_events
from autotune_service.store.experiments import get_versions, list_versions
from autotune_service.store.leases import claim_due_experiment, count_due
from autotune_service.store.observations import list_observations
from autotune_service.store.questions import claim_question, count_waiting, delete_old_answers, get_question
from autotune_service.store.statements import filled
from autotune_service.store.suggestions import has_suggestions, list_pending

ANY = UUID(int=0)


class Recorder:
    """Takes the place of a transaction and keeps the query instead of running it."""

    async def all(self, query):
        self.query = query
        return []

    async def one(self, query):
        self.query = query

    async def run(self, query):
        self.query = query

    @asynccontextmanager
    async def work(self):
        yield self


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda work: list_events(work, ANY, 5, 500), "events_pkey"),
        (lambda work: list_observations(work, ANY, 5, 50), "observations_pkey"),
        (lambda work: list_pending(work, ANY), "suggestions_pending"),
        (lambda work: list_versions(work, ANY, 9, 50), "experiments_of_owner"),
        (lambda work: get_versions(work, ANY, [ANY, ANY]), "experiments_"),
        (lambda work: claim_due_experiment(work, "w", timedelta(seconds=1)), "experiments_with_work"),
        (lambda work: has_suggestions(work, ANY), "suggestions_"),
        (lambda work: count_due(work), "experiments_with_work"),
        (lambda work: count_waiting(work), "questions_waiting"),
        (lambda work: claim_question(work, "w", timedelta(seconds=1)), "questions_waiting"),
        (lambda work: get_question(work, ANY, "predict", "key"), "questions_exp_uuid_kind_body_key_key"),
        (lambda work: delete_old_answers(work, ANY, 1), "questions_exp_uuid_kind_body_key_key"),
    ],
    ids=[
        "events",
        "history",
        "pending suggestions",
        "a user's experiments",
        "experiments by uuid",
        "work that is due",
        "any suggestion",
        "how much work is due",
        "how many questions wait",
        "question that waits",
        "question asked before",
        "old answers",
    ],
)
async def test_hot_query_uses_its_index(store, call, index):
    recorder = Recorder()
    await call(recorder)
    async with store.work() as work:
        ready, raw = filled(recorder.query), work._connection
        await raw.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await raw.fetch(f"EXPLAIN {ready.compiled.text}", *ready.arguments))
    assert index in plan
    assert "Sort" not in plan

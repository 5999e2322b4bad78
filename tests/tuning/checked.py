"""What every step of the state machine is checked against: all that is stored, and `expected`."""

import asyncio
import json
from datetime import UTC, datetime
from itertools import product
from uuid import uuid4

import pytest
from expected import MOVES, Content
from hypothesis.stateful import RuleBasedStateMachine, invariant

from autotune_service.domain.errors import AutotuneError
from autotune_service.store.database import Store
from autotune_service.store.rows.experiments import get_experiment
from autotune_service.tuning.correct import read_versions
from autotune_service.tuning.experiments import history_page
from autotune_service.tuning.once import Once
from autotune_service.tuning.spaces import list_revisions
from autotune_wire.experiments import PageQuery

XS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
COLORS = ["red", "green", "blue"]


class World:
    """A database with a user, and the loop that its connections belong to."""

    def __init__(self, cluster, template):
        self.loop = asyncio.new_event_loop()
        self.database = cluster.database(template)
        url = self.run(self.database.__aenter__())
        # Nothing here is about what survives a crash, and commits that wait for the disk are most of the time.
        self.store = Store(f"{url}&synchronous_commit=off", pool_size=4, timeout_s=30)
        self.run(self.store.connect())
        self.user = uuid4()
        self.execute(
            "INSERT INTO autotune.users (user_uuid, email, password_hash, is_active, created_at) "
            "VALUES ($1, 'ada@example.org', '', true, now())",
            self.user,
        )

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def execute(self, statement, *arguments):
        return self.run(self._fetch(statement, arguments))

    async def _fetch(self, statement, arguments):
        async with self.store.work() as work:
            return await work._connection.fetch(statement, *arguments)

    def close(self):
        self.run(self.store.disconnect())
        self.run(self.database.__aexit__(None, None, None))
        self.loop.close()


class Checked(RuleBasedStateMachine):
    """An experiment beside what is expected of it; the rules come in `use_cases`."""

    world: World

    @invariant()
    def is_as_expected(self):
        row, suggestions, observations, log, listed = self.world.run(self.read())
        self.check_experiment(row)
        self.check_suggestions(suggestions)
        self.check_observations(observations)
        assert [(event["seq"], event["type"]) for event in log] == list(enumerate(self.expected.events, start=1))
        self.check_listed(*json.loads(listed)["experiments"])

    async def read(self):
        """Read all that is stored, and the user's list of experiments."""
        async with self.world.store.work() as work:
            row = await get_experiment(work, self.exp_uuid, self.world.user)
            tables = [
                await work._connection.fetch(
                    f"SELECT * FROM autotune.{table} WHERE exp_uuid = $1 ORDER BY seq", self.exp_uuid
                )
                for table in ("suggestions", "observations", "events")
            ]
        return row, *tables, await self.listing.page(self.world.store, self.world.user, PageQuery(limit=10))

    def check_experiment(self, row):
        expected = self.expected
        assert row.last_seq == len(expected.events)
        assert row.n_observations == len(expected.observations)
        assert (row.data_rev, row.fit_rev) == (expected.data_rev, expected.fit_rev)
        assert row.best_one == expected.best
        assert (row.name, row.is_closed, row.space_revision) == (
            expected.name,
            expected.is_closed,
            expected.space_revision,
        )
        assert (row.paused is not None) == expected.is_paused
        assert row.n_open == len(expected.open)

    def check_suggestions(self, stored):
        assert [row["suggestion_uuid"] for row in stored] == [one.uuid for one in self.expected.suggestions]
        for row, suggestion in zip(stored, self.expected.suggestions, strict=True):
            assert (row["state"], json.loads(row["covars"])) == (suggestion.state, suggestion.covars)
            if suggestion.state == "leased":
                has_ended = row["lease_until"] < datetime.now(UTC)
                assert (row["lease_by"], has_ended) == (suggestion.worker, suggestion.has_ended)
            before = self.states.get(suggestion.uuid, row["state"])
            assert before == row["state"] or row["state"] in MOVES[before]
            self.states[suggestion.uuid] = row["state"]

    def check_observations(self, stored):
        assert [row["observation_uuid"] for row in stored] == [one.uuid for one in self.expected.observations]
        for row, observation in zip(stored, self.expected.observations, strict=True):
            now = observation.now
            assert (json.loads(row["covars"]), json.loads(row["responses"])) == (now.covars, now.values)
            assert (row["status"], row["is_excluded"]) == ("ok" if now.values else "failed", now.is_excluded)
            assert row["version"] == len(observation.versions)
            assert row["suggestion_uuid"] == observation.suggestion
            assert (row["note"], json.loads(row["tags"] or "[]")) == (observation.note, observation.tags)

    def check_listed(self, listed):
        """Check an experiment as the user's list shows it."""
        expected = self.expected
        assert (listed["name"], listed["state"] == "closed") == (expected.name, expected.is_closed)
        assert (listed["last_seq"], listed["n_observations"]) == (len(expected.events), len(expected.observations))
        uuid, response, covars = expected.best
        best = listed["best"] or {"observation_uuid": None, "response": None, "covars": None}
        assert (best["observation_uuid"], best["response"], best["covars"]) == (uuid and str(uuid), response, covars)

    def teardown(self):
        try:
            if hasattr(self, "expected"):
                self.check_reads()
        finally:
            self.clear()

    def check_reads(self):
        """Check what is read in pages and by observation."""
        page = self.use(history_page, PageQuery(limit=2))
        listed = page.observations
        while page.next is not None:
            page = self.use(history_page, PageQuery(limit=2, after=page.next))
            listed += page.observations
        assert [one.observation_uuid for one in listed] == [one.uuid for one in self.expected.observations]
        for observation in self.expected.observations:
            versions = self.use(read_versions, observation.uuid).versions
            assert [
                Content(version.covars, version.responses, version.is_excluded) for version in versions
            ] == observation.versions
        assert len(self.use(list_revisions).spaces) == self.expected.space_revision + 1

    # Steps

    def use(self, use_case, *arguments, **options):
        return self.world.run(use_case(self.world.store, self.world.user, self.exp_uuid, *arguments, **options))

    def send(self, is_keyed, reply_type, use_case, *arguments):
        """Send a request, with a key or without one, and remember the one with a key."""
        if not is_keyed:
            return self.use(use_case, *arguments)
        key = f"key {next(self.keys)}"
        reply = self.do_once(reply_type, use_case, arguments, key)
        self.sent = reply_type, use_case, arguments, key, reply
        return reply

    def do_once(self, reply_type, use_case, arguments, key):
        once = Once(self.world.user, key, b"body")
        store, user = self.world.store, self.world.user
        return self.world.run(once.reply(reply_type, use_case(store, user, self.exp_uuid, *arguments, once=once)))

    def refuse(self, refused, use_case, *arguments):
        with pytest.raises(AutotuneError) as caught:
            self.use(use_case, *arguments)
        assert caught.value.code == str(refused)

    def pick(self, among, index):
        return among[index % len(among)] if among and index is not None else None

    def configuration(self, place):
        """Return a configuration that the space has."""
        choices = [self.choices(name) for name in self.expected.space.covars]
        picked = [among[index % len(among)] for among, index in zip(choices, place, strict=False)]
        return dict(zip(self.expected.space.covars, picked, strict=True))

    def choices(self, name):
        covariate = self.expected.space.covars[name]
        if covariate["vtype"] == "cat":
            return covariate["options"]
        among = XS if name == "x" else range(covariate["min"], covariate["max"] + 1)
        return [value for value in among if covariate["min"] <= value <= covariate["max"]]

    def outcome(self, measured):
        if not measured:
            return {"status": "failed"}
        return {"responses": measured, "status": "ok"}

    def proposed(self, claimed, start):
        """Return what an engine suggests: what the space allows and the fit does not know, from some place on."""
        names = list(claimed.space.covars)
        listed = [dict(zip(names, chosen, strict=True)) for chosen in product(*map(self.choices_of(claimed), names))]
        more = ({"x": 0.3 + i / 8192, "k": 1, "color": COLORS[-1]} for i in range(1000))
        listed = listed[start:] + [listed[0] | covars for covars in more]
        able = [covars for covars in listed if claimed.space.allows(covars) and covars not in claimed.known]
        return able[: claimed.fit.n]

    @staticmethod
    def choices_of(claimed):
        def choices(name):
            covariate = claimed.space.covars[name]
            if covariate["vtype"] == "cat":
                return covariate["options"]
            return XS if name == "x" else range(covariate["min"], covariate["max"] + 1)

        return choices

    def check_snapshot(self, fit):
        """Check that the engine gets what counts, in order."""
        counted = [(one.uuid, one.now.covars) for one in self.expected.counted]
        assert [(row.observation_uuid, row.covars) for row in fit.observations] == counted
        current = self.expected.data_rev
        pending = {
            one.uuid
            for one in self.expected.suggestions
            if one.state == "leased" or (one.state in {"open", "abandoned"} and one.data_rev >= current)
        }
        assert {row.suggestion_uuid for row in fit.pending} == pending
        assert fit.n >= 1

    def check_created(self, claimed, proposed, new):
        """Check that a fit has stored what its engine proposed, less what came while the engine worked."""
        created = [suggestion.covars for suggestion in new]
        assert [covars for covars in proposed if covars in created] == created
        fresh = [one.now.covars for one in self.expected.counted if one.uuid not in claimed.uuids]
        assert not [covars for covars in created if covars in fresh]
        if self.expected.space_revision != claimed.space_revision:
            assert not created
            return
        arrived = [one.now.covars for one in self.expected.counted]
        arrived += [one.covars for one in self.expected.pending]
        assert all(covars in created or covars in arrived for covars in proposed)

    def check_new(self, offered):
        """Check that nothing is offered that was run already, or that somebody else may run."""
        told = [observation.now.covars for observation in self.expected.counted]
        uuids = [suggestion.uuid for suggestion in offered]
        others = [one.covars for one in self.expected.pending if one.uuid not in uuids]
        for suggestion in offered:
            assert suggestion.covars not in told
            assert suggestion.covars not in others
            assert self.expected.space.allows(suggestion.covars)

    def stored_suggestions(self):
        return self.world.execute("SELECT * FROM autotune.suggestions WHERE exp_uuid = $1 ORDER BY seq", self.exp_uuid)

    def stored_observations(self):
        return self.world.execute("SELECT * FROM autotune.observations WHERE exp_uuid = $1 ORDER BY seq", self.exp_uuid)

    def clear(self):
        for table in ("observation_versions", "observations", "suggestions", "events", "experiments"):
            self.world.execute(f"DELETE FROM autotune.{table}")
        self.world.execute("DELETE FROM autotune.answered_requests")


class Claimed:
    """A fit with what was expected of the experiment when a worker claimed it."""

    def __init__(self, fit, expected):
        self.fit = fit
        self.space = expected.space
        self.space_revision = expected.space_revision
        self.data_rev = expected.data_rev
        self.uuids = {one.uuid for one in expected.counted}
        snapshot = fit.snapshot
        self.known = [snapshot.in_newest_space(one.covars) for one in [*fit.observations, *fit.pending]]
        self.has_ended = False

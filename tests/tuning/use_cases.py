"""A state machine that calls the use cases in any order and compares what is stored with `expected`."""

import json
from datetime import timedelta
from itertools import count

import pytest
from checked import COLORS, Checked, Claimed
from expected import Content, Expected, RefusedError, Space, Suggested
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from autotune_service.domain.access import OPERATOR
from autotune_service.domain.errors import KeyReusedError
from autotune_service.tuning.ask import Terms, current_suggestion, lease_suggestions
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit, fail_fit
from autotune_service.tuning.leases import abandon, expire_leases, renew
from autotune_service.tuning.lifecycle import delete, rename, reopen
from autotune_service.tuning.listing import Listing
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.notes import note as note_on
from autotune_service.tuning.once import Once
from autotune_service.tuning.pausing import pause
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.spaces import edit_space
from autotune_service.tuning.stopping import resume
from autotune_service.tuning.tell import tell
from autotune_service.tuning.undo import undo
from autotune_wire.changes import Delete, Rename, Resume, Undo, Undone
from autotune_wire.experiments import Experiment, NewExperiment, SpaceEdit
from autotune_wire.observations import Correction, NoteEdit, Observation, TellReply, Told
from autotune_wire.pausing import Pause
from autotune_wire.responses import primary_of
from autotune_wire.suggestions import Abandon, Renew, Suggestion
from support import joined

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
RANGES = [(0.0, 1.0), (0.0, 0.5), (0.25, 1.25)]
ADDED = {"z": {"vtype": "int", "guess": 0, "min": 0, "max": 1}}
CONSTRAINTS = [
    [],
    [{"ctype": "linear", "weights": {"x": 1.0, "k": 0.25}, "relation": "<=", "bound": 1.0}],
    [{"ctype": "forbidden", "combination": {"color": ["blue"], "k": [0]}}],
]
PROBLEMS = [
    {},
    {"direction": "minimize"},
    {"responses": {"taste": {"goal": "maximize"}, "cost": {"goal": "<=", "bound": 2.0}}},
    {"responses": {"cost": {"goal": "minimize"}, "taste": {"goal": "maximize"}}},
]

indices = st.integers(0, 11)
places = st.tuples(indices, indices, indices, indices)
values = st.sampled_from([None, 0.0, 1.0, 2.0, 3.0])
outcomes = st.tuples(values, values)
workers = st.sampled_from(["ada", "ben"])
told_runs = st.lists(st.tuples(indices, st.booleans(), st.none() | places, outcomes), min_size=1, max_size=3)


def covars_of(x_range, colors):
    low, high = x_range
    return {
        "x": {"vtype": "cont", "guess": low, "min": low, "max": high},
        "k": {"vtype": "int", "guess": 0, "min": 0, "max": 2},
        "color": {"vtype": "cat", "guess": colors[0], "options": colors},
    }


def _delete(store, *arguments, **options):
    return delete(store, OPERATOR, *arguments, **options)


class UseCases(Checked):
    @initialize(
        problem=st.sampled_from(PROBLEMS),
        n_taken=st.integers(0, 3),
        runs=st.lists(st.tuples(places, outcomes), max_size=4),
        start=indices,
    )
    def create(self, problem, n_taken, runs, start):
        """Create an experiment with a short history, so that few steps are lost on getting there."""
        self.problem = problem
        self.begin()
        if n_taken:
            self.take_all(n_taken, "ada", start)
        if runs:
            self._tell([(None, self.configuration(place), measured) for place, measured in runs], is_keyed=False)

    def begin(self):
        """Create an experiment, and note what is expected of it."""
        covars = covars_of(RANGES[0], COLORS)
        new = NewExperiment(name="rules", covars=covars, seed=1, **self.problem)
        self.exp_uuid = self.world.run(create_experiment(self.world.store, self.world.user, new)).exp_uuid
        self.names = list(new.responses_or_default())
        primary = self.names[0]
        self.expected = Expected(
            primary=primary,
            is_maximized=primary_of(new.responses_or_default())[1].goal == "maximize",
            bounds={"cost": 2.0} if new.responses and new.responses["cost"].goal == "<=" else {},
            space=Space(covars),
            events=["experiment_created", "suggestion_created"],
        )
        (guess,) = self.stored_suggestions()
        assert json.loads(guess["covars"]) == {"x": 0.0, "k": 0, "color": "red"}
        self.expected.suggestions.append(Suggested(guess["suggestion_uuid"], {"x": 0.0, "k": 0, "color": "red"}, 0))
        self.listing = Listing()
        self.keys = count()
        self.sent = None
        self.fits = []
        self.last_failure = (0, 0)
        self.is_resting = False
        self.states = {}

    @property
    def takes_asks(self):
        return not (self.expected.is_closed or self.expected.is_paused)

    # The user's side

    @rule(behind=st.integers(0, 1))
    def look(self, behind):
        """Ask without taking anything; `behind` is how much older than the newest the data may be."""
        data_rev = max(self.expected.data_rev - behind, 0)
        try:
            ready = self.expected.ready(data_rev)[:1]
        except RefusedError as refused:
            self.refuse(refused, current_suggestion, data_rev)
        else:
            asked = self.use(current_suggestion, data_rev)
            found = [] if asked is None else asked.suggestions
            assert [suggestion.suggestion_uuid for suggestion in found] == [suggestion.uuid for suggestion in ready]

    @rule(n=st.integers(1, 4), worker=workers, behind=st.integers(0, 1))
    def take(self, n, worker, behind):
        self._take(n, worker, max(self.expected.data_rev - behind, 0))

    def _take(self, n, worker, data_rev):
        terms = Terms(worker, DAY)
        try:
            ready = self.expected.ready(data_rev)[:n]
        except RefusedError as refused:
            self.refuse(refused, lease_suggestions, data_rev, n, terms)
            return []
        taken = self.use(lease_suggestions, data_rev, n, terms).suggestions
        assert [suggestion.suggestion_uuid for suggestion in taken] == [suggestion.uuid for suggestion in ready]
        if data_rev == self.expected.data_rev:
            self.check_new(ready)
        self.expected.lease(ready, worker)
        return ready

    @precondition(lambda self: self.takes_asks)
    @rule(n=st.sampled_from([1, 2, 3, 10]), worker=workers, start=indices)
    def take_all(self, n, worker, start):
        """Ask for as many as the engine must make for it, as an ask does that waits."""
        taken = self._take(n, worker, self.expected.data_rev)
        for _ in range(5):
            if len(taken) < n:
                self.settle_all(start)
                taken += self._take(n - len(taken), worker, self.expected.data_rev)
        assert len({suggestion.uuid for suggestion in taken}) == n

    @precondition(lambda self: self.takes_asks)
    @rule(worker=workers, start=indices)
    def skip(self, worker, start):
        """Take a suggestion, give it up and take another one."""
        self.take_all(1, worker, start)
        index = max(i for i, suggestion in enumerate(self.expected.suggestions) if suggestion.state == "leased")
        self._abandon(self.expected.suggestions[index], is_keyed=False)
        self.take_all(1, worker, start)

    @rule(index=indices, measured=outcomes, is_keyed=st.booleans())
    def tell_taken(self, index, measured, is_keyed):
        """Tell a suggestion that somebody holds, as it was suggested."""
        leased = [suggestion for suggestion in self.expected.suggestions if suggestion.state == "leased"]
        if leased:
            suggestion = self.pick(leased, index)
            self._tell([(suggestion.uuid, suggestion.covars, measured)], is_keyed)

    @rule(place=places, measured=outcomes, is_keyed=st.booleans())
    def tell_own(self, place, measured, is_keyed):
        self._tell([(None, self.configuration(place), measured)], is_keyed)

    @rule(runs=told_runs, is_keyed=st.booleans())
    def tell_some(self, runs, is_keyed):
        """Tell several runs at once: of suggestions in any state, named or not, as suggested or otherwise."""
        planned = []
        for index, is_named, place, measured in runs:
            suggestion = self.pick(self.expected.pending[:3] or self.expected.suggestions, index)
            if index % 4 == 0:
                suggestion = self.pick(self.expected.suggestions, index)
            covars = suggestion.covars if place is None else self.configuration(place)
            if not is_named:
                covars = self.expected.space.filled(covars)
            planned.append((suggestion.uuid if is_named else None, covars, measured))
        self._tell(planned, is_keyed)

    def _tell(self, runs, is_keyed):
        """Tell runs: of each the suggestion that it names, its configuration and what was measured."""
        planned = [(uuid, covars, self.measured(measured)) for uuid, covars, measured in runs]
        bodies = [
            Told(covars=covars, suggestion_uuid=uuid, **self.outcome(measured)) for uuid, covars, measured in planned
        ]
        filled = [self.full(uuid, covars) for uuid, covars, _ in planned]
        try:
            links = self.expected.links([(uuid, covars) for (uuid, _, _), covars in zip(planned, filled, strict=True)])
        except RefusedError as refused:
            self.refuse(refused, tell, bodies)
        else:
            reply = self.send(is_keyed, TellReply, tell, bodies)
            assert [observation.covars for observation in reply.observations] == filled
            contents = [Content(covars, measured) for covars, (_, _, measured) in zip(filled, planned, strict=True)]
            uuids = [observation.observation_uuid for observation in reply.observations]
            self.expected.tell(list(zip(uuids, links, contents, strict=True)))
            self.is_resting = False

    def measured(self, outcome):
        return {name: value for name, value in zip(self.names, outcome, strict=False) if value is not None}

    def full(self, uuid, covars):
        """Return the configuration as stored: a covariate that came after the suggestion has its backfill value."""
        return covars if uuid is None else self.expected.space.filled(covars)

    @precondition(lambda self: self.expected.observations)
    @rule(index=indices, is_excluded=st.booleans(), is_keyed=st.booleans())
    def exclude_or_restore(self, index, is_excluded, is_keyed):
        self._correct(index, False, {"is_excluded": is_excluded}, {"is_excluded": is_excluded}, is_keyed)

    @precondition(lambda self: self.expected.observations)
    @rule(
        index=indices,
        place=st.none() | places,
        outcome=outcomes,
        is_wrong=st.sampled_from([False, False, False, True]),
        is_keyed=st.booleans(),
    )
    def correct(self, index, place, outcome, is_wrong, is_keyed):
        changes = {"values": self.measured(outcome)}
        body = self.outcome(changes["values"])
        if place is not None:
            changes["covars"] = body["covars"] = self.configuration(place)
        self._correct(index, is_wrong, changes, body, is_keyed)

    def _correct(self, index, is_wrong, changes, body, is_keyed):
        observation = self.pick(self.expected.observations, index)
        version = len(observation.versions) + is_wrong
        correction = Correction(version=version, reason="a slip", **body)
        try:
            self.expected.correct(observation, version, **changes)
        except RefusedError as refused:
            self.refuse(refused, correct, observation.uuid, correction)
        else:
            stored = self.send(is_keyed, Observation, correct, observation.uuid, correction)
            assert stored.version == len(observation.versions)
            self.is_resting = False

    @precondition(lambda self: self.expected.observations)
    @rule(n=st.integers(1, 3), is_keyed=st.booleans())
    def undo(self, n, is_keyed):
        try:
            taken_back = self.expected.undo(n)
        except RefusedError as refused:
            self.refuse(refused, undo, Undo(n=n))
        else:
            undone = self.send(is_keyed, Undone, undo, Undo(n=n))
            assert [(one.observation_uuid, one.suggestion_uuid) for one in undone.observations] == [
                (one.uuid, None) for one in taken_back
            ]
            self.is_resting = False

    @rule(index=indices, is_over=st.booleans(), is_keyed=st.booleans())
    def abandon(self, index, is_over, is_keyed):
        among = [one for one in self.expected.suggestions if (one not in self.expected.pending) == is_over]
        self._abandon(self.pick(among or self.expected.suggestions, index), is_keyed)

    def _abandon(self, suggestion, is_keyed):
        body = Abandon(suggestion_uuid=suggestion.uuid, reason="no flour")
        try:
            self.expected.abandon(suggestion)
        except RefusedError as refused:
            self.refuse(refused, abandon, body)
        else:
            assert self.send(is_keyed, Suggestion, abandon, body).state == "abandoned"

    @rule(chosen=st.lists(indices, min_size=1, max_size=3, unique=True), worker=workers, is_late=st.booleans())
    def renew(self, chosen, worker, is_late):
        picked = {self.pick(self.expected.suggestions, index).uuid for index in chosen}
        if is_late:
            self.run_out()
        suggestions = [suggestion for suggestion in self.expected.suggestions if suggestion.uuid in picked]
        lost = self.expected.renew(suggestions, worker)
        body = Renew(suggestion_uuids=[suggestion.uuid for suggestion in suggestions], worker=worker)
        assert self.use(renew, body).lost == lost

    @rule(
        x_range=st.sampled_from(RANGES),
        n_colors=st.integers(1, 3),
        is_adding=st.booleans(),
        constraints=st.none() | st.sampled_from(CONSTRAINTS),
        is_keyed=st.booleans(),
    )
    def edit(self, x_range, n_colors, is_adding, constraints, is_keyed):
        space = self.expected.space
        added = {"z": 1} if is_adding and "z" not in space.covars else {}
        covars = covars_of(x_range, COLORS[-n_colors:]) | (ADDED if added or "z" in space.covars else {})
        edit = SpaceEdit(covars=covars, constraints=constraints, backfill=added)
        before = self.expected.data_rev
        try:
            self.expected.edit(covars, space.constraints if constraints is None else constraints, added)
        except RefusedError as refused:
            self.refuse(refused, edit_space, edit)
        else:
            self.send(is_keyed, Experiment, edit_space, edit)
            self.is_resting = self.is_resting and before == self.expected.data_rev

    @rule(is_keyed=st.booleans(), is_meant=st.booleans())
    def close(self, is_keyed, is_meant):
        if not is_meant:  # else most runs would end early
            return
        try:
            self.expected.close()
        except RefusedError as refused:
            self.refuse(refused, close_experiment)
        else:
            self.send(is_keyed, Experiment, close_experiment)

    @rule(is_keyed=st.booleans(), is_meant=st.booleans())
    def pause(self, is_keyed, is_meant):
        if not is_meant:  # else most runs would see few suggestions
            return
        try:
            self.expected.pause()
        except RefusedError as refused:
            self.refuse(refused, pause, Pause())
        else:
            assert self.send(is_keyed, Experiment, pause, Pause(reason="cleaning")).paused.reason == "cleaning"

    @precondition(lambda self: self.expected.is_paused)
    @rule(is_keyed=st.booleans())
    def resume(self, is_keyed):
        self.expected.resume()
        assert self.send(is_keyed, Experiment, resume, Resume()).paused is None

    @precondition(lambda self: self.expected.observations)
    @rule(
        index=indices,
        note=st.sampled_from([None, "cloudy"]),
        tags=st.sampled_from([[], ["slow", "batch 7"]]),
        is_keyed=st.booleans(),
    )
    def write(self, index, note, tags, is_keyed):
        """Write a note and tags on a run."""
        observation = self.pick(self.expected.observations, index)
        self.expected.write(observation, note, tags)
        body = NoteEdit(note=note, tags=tags)
        stored = self.send(is_keyed, Observation, note_on, observation.uuid, body)
        assert (stored.note, stored.tags, stored.version) == (note, tags, len(observation.versions))

    @precondition(lambda self: self.expected.is_closed or self.expected.is_paused)
    @rule(is_keyed=st.booleans())
    def reopen(self, is_keyed):
        self.expected.reopen()
        self.send(is_keyed, Experiment, reopen)

    @rule(name=st.sampled_from(["rules", "others"]), is_keyed=st.booleans())
    def rename(self, name, is_keyed):
        self.expected.rename(name)
        assert self.send(is_keyed, Experiment, rename, Rename(name=name)).name == name

    @precondition(lambda self: self.expected.is_closed)
    @rule(is_named=st.booleans())
    def begin_anew(self, is_named):
        """Delete the experiment, if its name is given, and create another one."""
        if not is_named:
            self.refuse("invalid", _delete, Delete(name="of another"))
            return
        deleted = self.use(_delete, Delete(name=self.expected.name))
        assert deleted.n_observations == len(self.expected.observations)
        self.refuse("not_found", read_experiment)
        self.clear()
        self.begin()

    @precondition(lambda self: self.sent is not None)
    @rule(is_other=st.booleans())
    def repeat(self, is_other):
        """Send a request again, or another one with its key."""
        reply_type, use_case, arguments, key, reply = self.sent
        if is_other:
            with pytest.raises(KeyReusedError):
                self.use(use_case, *arguments, once=Once(self.world.user, key, b"another"))
        else:
            again = self.do_once(reply_type, use_case, arguments, key)
            assert again.model_dump_json() == reply.model_dump_json()

    @rule()
    def move(self):
        """Go on with a copy, made by an export and an import."""
        document = self.world.run(joined(export_experiment(self.world.store, self.world.user, self.exp_uuid)))
        copy = self.world.run(import_experiment(self.world.store, self.world.user, document))
        own = [row["suggestion_uuid"] for row in self.stored_suggestions()]
        own += [row["observation_uuid"] for row in self.stored_observations()]
        former, self.exp_uuid = self.exp_uuid, copy.exp_uuid
        theirs = [row["suggestion_uuid"] for row in self.stored_suggestions()]
        theirs += [row["observation_uuid"] for row in self.stored_observations()]
        self.expected.moved(dict(zip(own, theirs, strict=True)))
        self.world.run(delete(self.world.store, OPERATOR, self.world.user, former, Delete(name=self.expected.name)))
        self.sent, self.fits, self.is_resting, self.states = None, [], False, {}

    # The service's side

    @rule()
    def run_out(self):
        """Let the oldest leases run out."""
        leased = [suggestion for suggestion in self.expected.suggestions if suggestion.state == "leased"]
        for suggestion in leased[:2]:
            self.world.execute(
                "UPDATE autotune.suggestions SET lease_until = now() - interval '1 second' WHERE suggestion_uuid = $1",
                suggestion.uuid,
            )
            suggestion.has_ended = True

    @rule()
    def expire(self):
        n_ended = self.expected.expire()
        assert self.world.run(expire_leases(self.world.store)) == n_ended

    @rule()
    def claim(self):
        self.claim_once()

    def claim_once(self):
        """Claim the experiment if it has work, and return whether it has."""
        fit = self.world.run(claim_fit(self.world.store, "worker", MINUTE))
        is_held = bool(self.fits) and not self.fits[-1].has_ended
        if not self.takes_asks or is_held or self.is_resting:
            assert fit is None
        elif fit is None:
            assert self.expected.fit_rev == self.expected.data_rev
            assert self.expected.open
        if fit is not None:
            self.check_snapshot(fit)
            self.fits.append(Claimed(fit, self.expected))
        return fit is not None

    @precondition(lambda self: self.fits)
    @rule(is_taken=st.booleans(), start=indices)
    def lose_claim(self, is_taken, start):
        """Let the claim of the newest fit run out; if another worker takes the experiment, the first one comes late."""
        self.world.execute(
            "UPDATE autotune.experiments SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
        )
        self.fits[-1].has_ended = True
        if is_taken and self.claim_once():
            self.commit(-2, start)

    @precondition(lambda self: self.fits)
    @rule(index=indices, start=indices)
    def commit(self, index, start):
        claimed = self.pick(self.fits, index)
        is_newest = claimed is self.fits[-1]
        self.fits.remove(claimed)
        proposed = self.proposed(claimed, start)
        run = EngineRun([NewSuggestion(covars, "model", "because") for covars in proposed])
        known = {suggestion.uuid for suggestion in self.expected.suggestions}
        assert self.world.run(commit_fit(self.world.store, claimed.fit, run)) == is_newest
        if not is_newest:
            return
        self.fits.clear()
        if not self.takes_asks:
            return
        created = [row for row in self.stored_suggestions() if row["suggestion_uuid"] not in known]
        new = [Suggested(row["suggestion_uuid"], json.loads(row["covars"]), claimed.data_rev) for row in created]
        self.check_created(claimed, proposed, new)
        self.expected.commit(claimed.data_rev, new)

    @precondition(lambda self: not self.fits and not self.expected.is_closed)
    @rule(start=indices, measured=outcomes, x_range=st.none() | st.sampled_from(RANGES))
    def overtake(self, start, measured, x_range):
        """While the engine works, run what it is about to suggest, or change the space."""
        if not self.claim_once():
            return
        if x_range is None:
            self._tell([(None, self.proposed(self.fits[-1], start)[0], measured)], is_keyed=False)
        else:
            self.edit(x_range, 3, False, [], False)
        self.commit(-1, start)

    @precondition(lambda self: self.fits)
    @rule(is_long=st.booleans())
    def fail(self, is_long):
        """Let the engine fail on the newest fit."""
        claimed = self.fits.pop()
        self.fits.clear()
        retry_in = MINUTE if is_long else timedelta(0)
        self.world.run(fail_fit(self.world.store, claimed.fit, "no", retry_in))
        self.is_resting = is_long and self.expected.data_rev == claimed.data_rev
        failure = (len(self.expected.events), claimed.data_rev)
        if not self.expected.is_closed and failure != self.last_failure:  # the same once more is no event
            self.expected.events.append("engine_failed")
            self.last_failure = (len(self.expected.events), claimed.data_rev)

    @rule(start=indices)
    def settle(self, start):
        self.settle_all(start)

    def settle_all(self, start):
        """Work until nothing is due, and return whether anything was."""
        if self.fits:
            self.commit(-1, start)
        self.fits.clear()
        self.world.execute("UPDATE autotune.experiments SET lease_token = NULL, lease_until = NULL, retry_at = NULL")
        self.is_resting = False
        n_fits = 0
        while self.claim_once():
            self.commit(-1, start)
            n_fits += 1
            assert n_fits < 20
        if self.takes_asks:
            assert self.expected.fit_rev == self.expected.data_rev
            assert self.expected.open
        return n_fits > 0

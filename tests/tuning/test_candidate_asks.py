"""Asks of an experiment with a list that no row of it can answer: refused before the engine is asked."""

from datetime import timedelta

import pytest

from autotune_service.domain.errors import InvalidError, NoCandidatesError
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.candidates import edit_candidates
from autotune_service.tuning.conditional import checked_ask
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, fail_fit
from autotune_wire.candidates import CandidatesEdit
from autotune_wire.experiments import NewExperiment

LEASE = timedelta(seconds=30)
SPACE = {
    "solvent": {"vtype": "cat", "guess": "A", "options": ["A", "B", "C", "D"]},
    "t": {"vtype": "cont", "guess": 60, "min": 50, "max": 100},
    "n": {"vtype": "int", "guess": 1, "min": 0, "max": 9},
}
ROOM = {"room": {"vtype": "cont", "guess": 20, "min": 0, "max": 40, "role": "context"}}
ROWS = [{"solvent": solvent, "t": t, "n": n} for n, solvent in enumerate("ABC") for t in (60, 75, 90)]
COOL = {"ctype": "linear", "weights": {"t": 1}, "relation": "<=", "bound": 60}


@pytest.fixture
def make(store, user_uuid):
    async def make(**more):
        new = NewExperiment(**{"name": "s", "covars": SPACE, "candidates": ROWS, "seed": 1} | more)
        exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
        return await read_experiment(store, user_uuid, exp_uuid)

    return make


async def problems(store, row, fixed):
    with pytest.raises(InvalidError) as caught:
        await checked_ask(store, row, fixed)
    return [(one.field, one.value, one.message) for one in caught.value.errors]


async def test_fixed_value_that_no_row_has_is_refused_with_what_the_rows_have(store, make):
    row = await make()
    (option,) = await problems(store, row, {"solvent": "D"})
    assert option == ("fixed.solvent", "D", "no row of the list that is not withdrawn has it; those have A, B, C")
    (number,) = await problems(store, row, {"t": 61, "solvent": "B"})
    assert number[:2] == ("fixed.t", 61.0)
    assert number[2].endswith("; the nearest are 60, 75, 90")


async def test_fixed_values_that_no_row_has_together_say_what_goes_with_the_others(store, make):
    row = await make()
    assert await problems(store, row, {"solvent": "A", "n": 2}) == [
        ("fixed.solvent", "A", "no row of the list that is not withdrawn has it with the other fixed values; "
         "those have C"),
        ("fixed.n", 2, "no row of the list that is not withdrawn has it with the other fixed values; "
         "the nearest are 0"),
    ]  # fmt: skip
    rows = [{"solvent": "A", "t": 60, "n": 1}, {"solvent": "B", "t": 75, "n": 1}, {"solvent": "A", "t": 75, "n": 2}]
    (none,) = await problems(store, await make(candidates=rows), {"solvent": "B", "t": 60, "n": 2})
    assert none[0] == "fixed"


async def test_fixed_values_that_a_row_has_are_taken(store, make):
    row = await make()
    for fixed in ({"solvent": "B"}, {"t": 75.0000001}, {"solvent": "C", "t": 90, "n": 2}):
        assert await checked_ask(store, row, fixed) == fixed


async def test_withdrawn_rows_do_not_count_until_they_come_back(store, user_uuid, make):
    row = await make()
    await edit_candidates(store, user_uuid, row.exp_uuid, CandidatesEdit(withdraw=[4, 5, 6]))
    row = await read_experiment(store, user_uuid, row.exp_uuid)
    (gone,) = await problems(store, row, {"solvent": "B"})
    assert gone[2].endswith("; those have A, C")
    await edit_candidates(store, user_uuid, row.exp_uuid, CandidatesEdit(restore=[5]))
    assert await checked_ask(store, row, {"solvent": "B"}) == {"solvent": "B"}


async def test_row_far_down_a_long_list_is_found(store, make):
    rows = [{"solvent": "A", "t": 60, "n": 0}] * 10_500
    row = await make(candidates=[*rows, {"solvent": "B", "t": 60, "n": 0}])
    assert await checked_ask(store, row, {"solvent": "B"}) == {"solvent": "B"}
    assert (await problems(store, row, {"n": 1}))[0][0] == "fixed.n"


async def test_fixed_rows_that_break_the_constraints_are_refused(store, make):
    row = await make(constraints=[COOL])
    assert await problems(store, row, {"t": 75}) == [
        ("fixed", "t = 75.0", "no row of the list that is not withdrawn meets the constraints with these values")
    ]


async def test_context_in_which_every_row_breaks_the_constraints_is_refused(store, make):
    cool = {**COOL, "weights": {"t": 1, "room": 1}, "bound": 90}
    row = await make(covars=SPACE | ROOM, constraints=[cool])
    assert await checked_ask(store, row, {"room": 30}) == {"room": 30}
    assert [one[0] for one in await problems(store, row, {"room": 31})] == ["fixed"]


async def test_ask_says_that_no_row_that_is_left_meets_the_constraints(store, user_uuid, make):
    row = await make(constraints=[COOL])
    await edit_candidates(store, user_uuid, row.exp_uuid, CandidatesEdit(withdraw=[1, 4, 7]))
    fit = await claim_fit(store, "w", LEASE)
    await fail_fit(store, fit, "EmptyRegionError: no row", LEASE)
    for ask in (
        current_suggestion(store, user_uuid, row.exp_uuid, 0),
        lease_suggestions(store, user_uuid, row.exp_uuid, 0, 1),
    ):
        with pytest.raises(NoCandidatesError, match=r"\(s\) that is not withdrawn meets the constraints: add or"):
            await ask

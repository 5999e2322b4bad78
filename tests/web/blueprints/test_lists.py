"""Lists of candidates over HTTP, with the real engine."""

import json
from typing import Any

import pytest

from calling import get, post
from support import make_experiment

COVARS: dict[str, Any] = {
    "solvent": {"vtype": "cat", "guess": "DMAc", "options": ["DMAc", "DMF", "NMP"]},
    "temp": {"vtype": "cont", "guess": 60.0, "min": 20.0, "max": 120.0},
}
PLATE = [
    {"solvent": solvent, "temp": temp, "bottle": f"{solvent[:2]}-{temp}", "is_new": temp > 60}
    for solvent in ("DMAc", "DMF", "NMP")
    for temp in (40, 60, 80)
]


@pytest.fixture
async def plate(client, headers, worker):
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    return (
        f"/experiment/{made['exp_uuid']}",
        f"/experiment/ask/{made['exp_uuid']}",
        f"/experiment/tell/{made['exp_uuid']}",
    )


async def asked(client, headers, path, **fields):
    status, reply = await post(client, path, headers, {"n": 1, **fields})
    assert status == 200, reply
    return reply["suggestions"]


async def run(client, headers, tell, suggestion, response):
    body = {"suggestion_uuid": suggestion["suggestion_uuid"], "covars": suggestion["covars"], "response": response}
    status, reply = await post(client, tell, headers, body)
    assert status == 202, reply
    return reply["observations"][0]


async def states(client, headers, path):
    _, page = await get(client, f"{path}/candidates", headers)
    return {one["number"]: one["state"] for one in page["candidates"]}


async def test_every_suggestion_is_a_row_with_its_details_and_none_comes_twice(client, headers, plate):
    path, ask, tell = plate
    seen = []
    for _ in PLATE:
        (suggestion,) = await asked(client, headers, ask)
        number = suggestion["candidate"]["number"]
        row = PLATE[number - 1]
        assert suggestion["covars"] == {"solvent": row["solvent"], "temp": float(row["temp"])}
        assert suggestion["candidate"]["details"] == {"bottle": row["bottle"], "is_new": row["is_new"]}
        observation = await run(client, headers, tell, suggestion, row["temp"] / 10)
        assert observation["candidate"] == number
        seen.append(number)
    assert seen[0] == 2  # DMAc at 60 is the guess
    assert sorted(seen) == list(range(1, 10))
    _, experiment = await get(client, path, headers)
    assert experiment["candidates"] == {"n": 9, "n_withdrawn": 0, "n_left": 0, "details": ["bottle", "is_new"]}
    (again,) = await asked(client, headers, ask)
    assert "no other row of the list is left" in again["reason"]


async def test_rows_are_read_page_by_page(client, headers, plate):
    path, ask, tell = plate
    (taken,) = await asked(client, headers, ask)
    status, page = await get(client, f"{path}/candidates?limit=4", headers)
    assert (status, page["next"]) == (200, "4")
    assert page["candidates"][1] == {
        "number": 2,
        "details": {"bottle": "DM-60", "is_new": False},
        "covars": {"solvent": "DMAc", "temp": 60.0},
        "state": "pending",
        "n_told": 0,
    }
    await run(client, headers, tell, taken, 1.0)
    _, rest = await get(client, f"{path}/candidates?after=4", headers)
    assert [one["number"] for one in rest["candidates"]] == [5, 6, 7, 8, 9]
    assert rest["next"] is None
    assert (await states(client, headers, path))[2] == "told"


async def test_withdrawn_row_is_not_suggested_and_its_open_suggestion_ends(client, headers, plate):
    path, ask, tell = plate
    _, first = await get(client, ask, headers)
    assert first["suggestions"][0]["candidate"]["number"] == 2
    status, experiment = await post(client, f"{path}/candidates", headers, {"withdraw": [2, 1]})
    assert (status, experiment["candidates"]["n_withdrawn"], experiment["candidates"]["n_left"]) == (200, 2, 7)
    _, second = await get(client, ask, headers)
    assert second["suggestions"][0]["candidate"]["number"] not in {1, 2}
    for _ in range(7):
        (suggestion,) = await asked(client, headers, ask)
        assert suggestion["candidate"]["number"] > 2
        await run(client, headers, tell, suggestion, 1.0)
    _, experiment = await post(client, f"{path}/candidates", headers, {"restore": [1]})
    assert experiment["candidates"]["n_left"] == 1
    (suggestion,) = await asked(client, headers, ask)
    assert suggestion["candidate"]["number"] == 1


async def test_same_change_again_changes_nothing(client, headers, plate):
    path, _, _ = plate
    _, once = await post(client, f"{path}/candidates", headers, {"withdraw": [3]})
    _, again = await post(client, f"{path}/candidates", headers, {"withdraw": [3]})
    assert again["candidates"]["n_withdrawn"] == 1
    _, events = await get(client, f"{path}/export", headers)
    assert [event["type"] for event in events["events"]].count("candidates_changed") == 1
    assert once["candidates"] == again["candidates"]


async def test_list_without_rows_left_says_so_and_goes_on_when_rows_come(client, headers, plate):
    path, ask, tell = plate
    (taken,) = await asked(client, headers, ask)
    await post(client, f"{path}/candidates", headers, {"withdraw": list(range(1, 10))})
    status, problem = await post(client, ask, headers, {"n": 1})
    assert (status, problem["code"]) == (409, "no_candidates")
    assert "all 9 rows" in problem["detail"]
    await run(client, headers, tell, taken, 1.0)  # what was taken may be told all the same
    status, problem = await get(client, ask, headers)
    assert (status, problem["code"]) == (409, "no_candidates")
    row = {"solvent": "NMP", "temp": 100, "supplier": "ACME"}
    _, experiment = await post(client, f"{path}/candidates", headers, {"add": [row]})
    assert experiment["candidates"]["details"] == ["bottle", "is_new", "supplier"]
    (suggestion,) = await asked(client, headers, ask)
    assert suggestion["candidate"] == {
        "number": 10,
        "details": {"bottle": None, "is_new": None, "supplier": "ACME"},
    }


async def test_fixed_values_filter_the_rows(client, headers, plate):
    _, ask, _ = plate
    taken = await asked(client, headers, ask, n=3, fixed={"solvent": "NMP"})
    assert sorted(one["candidate"]["number"] for one in taken) == [7, 8, 9]
    status, problem = await post(client, ask, headers, {"n": 1, "fixed": {"temp": 61.0}})
    assert (status, problem["errors"][0]["field"], problem["errors"][0]["value"]) == (422, "fixed.temp", 61.0)
    assert "no row of the list that is not withdrawn has it; the nearest are 40, 60, 80" in problem["detail"]


async def test_constraints_filter_the_rows(client, headers, worker):
    forbidden = {"ctype": "forbidden", "combination": {"solvent": ["DMAc", "DMF"]}}
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE, constraints=[forbidden])
    taken = await asked(client, headers, f"/experiment/ask/{made['exp_uuid']}", n=3)
    assert sorted(one["candidate"]["number"] for one in taken) == [7, 8, 9]


async def test_context_is_given_by_the_ask_and_not_by_the_rows(client, headers, worker):
    covars = COVARS | {"humidity": {"vtype": "cont", "guess": 50.0, "min": 0.0, "max": 100.0, "role": "context"}}
    made = await make_experiment(client, headers, covars=covars, candidates=PLATE)
    ask, tell = f"/experiment/ask/{made['exp_uuid']}", f"/experiment/tell/{made['exp_uuid']}"
    (first,) = await asked(client, headers, ask, fixed={"humidity": 30.0})
    assert first["candidate"]["number"] == 2
    assert first["covars"] == {"solvent": "DMAc", "temp": 60.0, "humidity": 30.0}
    observation = await run(client, headers, tell, first, 1.0)
    assert observation["candidate"] == 2
    body = {**COVARS, "humidity": covars["humidity"]}
    status, problem = await post(
        client,
        "/experiment/new",
        headers,
        {"name": "wrong", "covars": body, "candidates": [PLATE[0] | {"humidity": 3}]},
    )
    assert status == 422
    assert problem["errors"][0]["field"] == "candidates.0.humidity"
    assert "leave it out of the rows (row 1 of the list)" in problem["errors"][0]["message"]


async def test_alike_rows_are_told_apart_by_their_numbers(client, headers, worker):
    two = [{"solvent": "DMF", "temp": 60, "bottle": bottle} for bottle in "ab"]
    made = await make_experiment(client, headers, covars=COVARS, candidates=[*two, PLATE[0]])
    path, ask, tell = (f"/experiment/{at}{made['exp_uuid']}" for at in ("", "ask/", "tell/"))
    numbers = []
    for _ in range(3):
        (suggestion,) = await asked(client, headers, ask)
        numbers.append(suggestion["candidate"]["number"])
        await run(client, headers, tell, suggestion, 1.0)
    # The second bottle of what was run comes only when nothing else is left.
    assert sorted(numbers[:2]) == [1, 3]
    assert numbers[2] == 2
    # What is told by its values alone is of the row that was run least, and of those the first.
    for number in (1, 2, 1):
        _, reply = await post(client, tell, headers, {"covars": {"solvent": "DMF", "temp": 60}, "response": 1.0})
        assert reply["observations"][0]["candidate"] == number
    _, page = await get(client, f"{path}/candidates", headers)
    assert [one["n_told"] for one in page["candidates"]] == [3, 2, 1]


async def test_run_that_came_out_otherwise_is_still_of_its_row(client, headers, plate):
    path, ask, tell = plate
    (suggestion,) = await asked(client, headers, ask)
    suggestion["covars"]["temp"] = 61.7
    observation = await run(client, headers, tell, suggestion, 1.0)
    assert (observation["candidate"], observation["covars"]["temp"]) == (2, 61.7)
    for _ in range(8):
        (suggestion,) = await asked(client, headers, ask)
        assert suggestion["candidate"]["number"] != 2
        await run(client, headers, tell, suggestion, 1.0)
    assert set((await states(client, headers, path)).values()) == {"told"}


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ({"solvent": "DMSO", "temp": 60}, "solvent", "must be one of DMAc, DMF, NMP (row 2 of the list)"),
        ({"solvent": "DMF"}, "temp", "is missing; must be a number from 20.0 to 120.0 (row 2 of the list)"),
        ({"solvent": "DMF", "temp": True}, "temp", "must be a number from 20.0 to 120.0 (row 2 of the list)"),
        ({"solvent": "DMF", "temp": 121}, "temp", "must be a number from 20.0 to 120.0 (row 2 of the list)"),
        ({"solvent": "DMF", "temp": "60"}, "temp", "must be a number from 20.0 to 120.0 (row 2 of the list)"),
        ({"solvent": "DMF", "temp": 60, "note": "x" * 201}, "note", "must have at most 200 characters (row 2)"),
        ({"solvent": "DMF", "temp": 60, "note": "a\u202eb"}, "note", "holds U+202E"),
        ({"solvent": "DMF", "temp": 60, "n": 2**60}, "n", "a whole number must lie between"),
    ],
)
async def test_wrong_row_is_named_by_number_field_and_value(client, headers, row, field, message):
    body = {"name": "plate", "covars": COVARS, "candidates": [PLATE[0], row]}
    status, problem = await post(client, "/experiment/new", headers, body)
    assert status == 422
    (error,) = problem["errors"]
    assert error["field"] == f"candidates.1.{field}"
    assert error["message"].startswith(message)


async def test_wrong_rows_are_listed_up_to_a_limit(client, headers):
    body = {"name": "plate", "covars": COVARS, "candidates": [{"solvent": "x", "temp": 1}] * 500}
    status, problem = await post(client, "/experiment/new", headers, body)
    assert (status, len(problem["errors"])) == (422, 20)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"withdraw": [10]}, "withdraw.0"),
        ({"restore": [0]}, "restore.0"),
        ({"withdraw": [1], "restore": [1]}, "restore"),
        ({"withdraw": [True]}, "withdraw.0"),
        ({"withdraw": list(range(1, 1002))}, "withdraw"),
        ({"add": [{"temp": 60}]}, "add.0.solvent"),
        ({"add": [{"solvent": "DMF", "temp": 60, " ": 1}]}, "add"),
        ({"add": [{"solvent": "DMF", "temp": 60, "deep": [1]}]}, "add.0.deep"),
        ({"add": [{"solvent": "DMF", "temp": 60} | {f"d{n}": n for n in range(21)}]}, "add"),
    ],
)
async def test_wrong_change_is_refused(client, headers, fake_pool, body, field):
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    status, problem = await post(client, f"/experiment/{made['exp_uuid']}/candidates", headers, body)
    assert status == 422, problem
    assert problem["errors"][0]["field"].startswith(field)


async def test_experiment_without_a_list_takes_no_rows(client, headers, fake_pool):
    made = await make_experiment(client, headers, covars=COVARS)
    path = f"/experiment/{made['exp_uuid']}/candidates"
    assert "candidates" not in made
    for status, problem in (await post(client, path, headers, {"add": PLATE}), await get(client, path, headers)):
        assert status == 422
        assert "has no list of candidates" in problem["detail"]


async def test_rows_are_added_block_by_block(client, headers, fake_pool):
    # 1,500 and 800 rows fill two blocks of a thousand and begin a third.
    rows = [{"solvent": "DMF", "temp": 20 + n / 100, "n": n} for n in range(1, 2301)]
    made = await make_experiment(client, headers, covars=COVARS, candidates=rows[:1500])
    path = f"/experiment/{made['exp_uuid']}/candidates"
    status, _ = await post(client, path, headers, {"add": rows[1500:], "withdraw": [1, 1001]})
    assert status == 200
    _, page = await get(client, f"{path}?after=990&limit=1000", headers)
    assert [one["details"]["n"] for one in page["candidates"]] == list(range(991, 1991))
    assert [one["number"] for one in page["candidates"] if one["state"] == "withdrawn"] == [1001]
    _, last = await get(client, f"{path}?after=2299", headers)
    assert [one["covars"] for one in last["candidates"]] == [{"solvent": "DMF", "temp": 43.0}]
    assert last["next"] is None


async def test_list_has_a_limit(client, headers, fake_pool, monkeypatch):
    monkeypatch.setattr("autotune_service.domain.candidates.MAX_CANDIDATES", 10)
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    body = {"add": PLATE[:2]}
    status, problem = await post(client, f"/experiment/{made['exp_uuid']}/candidates", headers, body)
    assert status == 422
    assert "at most 10 rows, and with these it would have 11" in problem["errors"][0]["message"]


async def test_key_makes_an_addition_happen_once(client, headers, fake_pool):
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    path = f"/experiment/{made['exp_uuid']}/candidates"
    for _ in range(2):
        status, reply = await post(client, path, headers | {"Idempotency-Key": "one"}, {"add": PLATE[:1]})
        assert (status, reply["candidates"]["n"]) == (200, 10)


async def test_space_stays_wide_enough_for_the_rows(client, headers, fake_pool):
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    path = f"/experiment/{made['exp_uuid']}"
    narrow = {**COVARS, "solvent": COVARS["solvent"] | {"options": ["DMAc", "DMF"]}}
    status, problem = await post(client, f"{path}/space", headers, {"covars": narrow})
    assert status == 422
    assert problem["errors"][0]["message"] == "must be one of DMAc, DMF (row 7 of the list): withdraw the row first"
    await post(client, f"{path}/candidates", headers, {"withdraw": [7, 8, 9]})
    status, _ = await post(client, f"{path}/space", headers, {"covars": narrow})
    assert status == 200
    status, problem = await post(client, f"{path}/candidates", headers, {"restore": [7]})
    assert status == 422
    assert problem["errors"][0]["message"] == "must be one of DMAc, DMF (row 7 of the list)"
    wider = narrow | {"stir": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}
    status, problem = await post(client, f"{path}/space", headers, {"covars": wider, "backfill": {"stir": 1}})
    assert status == 422
    assert "the rows of the list have no value for it" in problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"engine": "greattunes", "candidates": [{"temp": 60}]}, "candidates"),
        (
            {
                "covars": {"temp": COVARS["temp"] | {"role": "design"}, "f": {"vtype": "int", "guess": 1, "min": 1,
                           "max": 3, "role": "fidelity"}},
                "acq_func": "qMultiFidelityMaxValueEntropy",
                "candidates": [{"temp": 60, "f": 1}],
            },
            "candidates",
        ),
        ({"candidates": []}, "candidates"),
        (
            {
                "candidates": [{"temp": 60}],
                "constraints": [{"ctype": "linear", "weights": {"temp": 1}, "relation": "<=", "bound": 50}],
            },
            "constraints",
        ),
    ],
)  # fmt: skip
async def test_list_that_cannot_be_served_is_refused(client, headers, fields, field):
    body = {"name": "plate", "covars": {"temp": COVARS["temp"]}, **fields}
    status, problem = await post(client, "/experiment/new", headers, body)
    assert status == 422
    assert problem["errors"][0]["field"] == field


async def test_insights_rank_the_rows_that_are_left(client, headers, plate):
    path, ask, tell = plate
    told = set()
    for _ in range(6):
        (suggestion,) = await asked(client, headers, ask)
        told.add(suggestion["candidate"]["number"])
        await run(client, headers, tell, suggestion, suggestion["covars"]["temp"])
    status, insights = await get(client, f"{path}/insights", headers)
    assert status == 200
    ranked = insights["candidates"]
    assert ranked
    assert not told & {one["number"] for one in ranked}
    assert [one["mean"] for one in ranked] == sorted((one["mean"] for one in ranked), reverse=True)
    assert all(one["details"]["bottle"] == PLATE[one["number"] - 1]["bottle"] for one in ranked)
    assert json.dumps(insights["best_predicted"]["covars"]) in {
        json.dumps({"solvent": row["solvent"], "temp": float(row["temp"])}) for row in PLATE
    }


async def test_list_goes_with_an_export(client, headers, plate):
    path, ask, tell = plate
    (suggestion,) = await asked(client, headers, ask)
    await run(client, headers, tell, suggestion, 1.0)
    await post(client, f"{path}/candidates", headers, {"withdraw": [2, 9], "add": [{"solvent": "NMP", "temp": 100}]})
    _, page = await get(client, f"{path}/candidates", headers)
    _, before = await get(client, path, headers)
    _, document = await get(client, f"{path}/export", headers)
    status, imported = await post(client, "/experiment/import", headers, document)
    assert status == 201, imported
    assert imported["candidates"] == before["candidates"] == {
        "n": 10,
        "n_withdrawn": 2,
        "n_left": 8,
        "details": ["bottle", "is_new"],
    }  # fmt: skip
    _, again = await get(client, f"/experiment/{imported['exp_uuid']}/candidates", headers)
    assert again == page
    (first,) = await asked(client, headers, ask)
    (second,) = await asked(client, headers, f"/experiment/ask/{imported['exp_uuid']}")
    assert second["candidate"] == first["candidate"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"first": 2}, "candidates.0.first"),
        ({"n": 8}, "candidates.0.covars.solvent"),
        ({"covars": {"solvent": ["DMF"] * 9, "temp": [20.0] * 9, "x": [1] * 9}}, "candidates.0.covars.x"),
        ({"details": {"temp": [20.0] * 9}}, "candidates.0.details.temp"),
        ({"withdrawn": [10]}, "candidates.0.withdrawn"),
        ({"covars": {"solvent": ["DMF"] * 9}}, "candidates.0.covars.temp"),
        ({"covars": {"solvent": ["water"] * 9, "temp": [20.0] * 9}}, "candidates.0.covars.solvent"),
    ],
)
async def test_list_in_a_document_is_checked(client, headers, fake_pool, change, field):
    made = await make_experiment(client, headers, covars=COVARS, candidates=PLATE)
    _, document = await get(client, f"/experiment/{made['exp_uuid']}/export", headers)
    document["candidates"][0] |= change
    status, problem = await post(client, "/experiment/import", headers, document)
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_row_of_a_document_that_its_list_lacks_is_refused(client, headers, plate):
    path, ask, tell = plate
    (suggestion,) = await asked(client, headers, ask)
    await run(client, headers, tell, suggestion, 1.0)
    _, document = await get(client, f"{path}/export", headers)
    document["observations"][0]["candidate"] = 10
    status, problem = await post(client, "/experiment/import", headers, document)
    assert (status, problem["errors"][0]["field"]) == (422, "observations.0.candidate")

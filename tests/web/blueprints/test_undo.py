"""Undoing tells, and renaming, reopening and deleting experiments, over the API."""

from uuid import UUID, uuid4

import pytest

from autotune_service.store.rows.observations import list_newest
from calling import get, post
from support import GUESS, make_experiment


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


@pytest.fixture
def url(exp_uuid):
    return f"/experiment/{exp_uuid}"


@pytest.fixture
async def told(client, headers, exp_uuid):
    runs = [{"covars": GUESS, "response": response} for response in (0.7, 80)]
    _, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": runs})
    return reply["observations"]


async def test_undone_observation_can_be_told_again(client, headers, url, exp_uuid, told):
    status, reply = await post(client, f"{url}/undo", headers, {})
    assert (status, [one["response"] for one in reply["observations"]]) == (200, [80.0])
    status, reply = await post(client, f"{url}/undo", headers, {"n": 1})
    assert [one["suggestion_uuid"] for one in reply["suggestions"]] == [told[0]["suggestion_uuid"]]
    run = {"covars": GUESS, "response": 0.8, "suggestion_uuid": told[0]["suggestion_uuid"]}
    assert (await post(client, f"/experiment/tell/{exp_uuid}", headers, run))[0] == 202
    status, problem = await post(client, f"{url}/undo", headers, {"n": 2})
    assert (status, problem["code"]) == (409, "nothing_to_undo")


@pytest.mark.parametrize("n", [0, 1001, -1, 1.5, "1", True, None])
async def test_undo_of_no_number_names_its_field(client, headers, url, n):
    status, problem = await post(client, f"{url}/undo", headers, {"n": n})
    assert (status, problem["errors"][0]["field"]) == (422, "n")


async def test_history_says_who_told_each_observation(client, headers, url, told, user_uuid):
    _, page = await get(client, f"{url}/history", headers)
    assert [one["told_by"] for one in page["observations"]] == [str(user_uuid)] * 2
    assert page["tellers"] == {str(user_uuid): "ada@example.org"}
    assert [one["told_by"] for one in told] == [str(user_uuid)] * 2


async def test_history_finds_an_observation_by_its_number(client, headers, url, told):
    for number, expected in ((1, told[:1]), (2, told[1:]), (3, [])):
        _, page = await get(client, f"{url}/history?number={number}", headers)
        assert (page["observations"], page["next"]) == (expected, None)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53 + 1)])
async def test_history_of_no_number_names_its_field(client, headers, url, number):
    status, problem = await get(client, f"{url}/history?number={number}", headers)
    assert (status, problem["errors"][0]["field"]) == (422, "number")


async def test_history_lists_the_newest_observations_with_the_number_of_the_first(client, headers, url, told):
    for newest, expected, first in ((1, told[1:], 2), (2, told, 1), (3, told, 1)):
        _, page = await get(client, f"{url}/history?newest={newest}", headers)
        assert (page["observations"], page["first_number"], page["next"]) == (expected, first, None)


async def test_newest_observations_up_to_an_event_leave_later_ones_out(store, exp_uuid, told):
    """So the experiment's row, which is read before them, counts those that are listed."""
    async with store.work() as work:
        found = await list_newest(work, UUID(exp_uuid), told[0]["seq"], 5)
    assert [row.response for row in found] == [0.7]


async def test_history_without_observations_has_no_first_number(client, headers, url):
    _, page = await get(client, f"{url}/history?newest=8", headers)
    assert (page["observations"], page["first_number"]) == ([], None)


@pytest.mark.parametrize("query", ["newest=0", "newest=x", "newest=1001", "newest=2&after=5", "newest=2&number=1"])
async def test_history_of_newest_that_is_none_or_not_alone_names_its_field(client, headers, url, query):
    status, problem = await get(client, f"{url}/history?{query}", headers)
    assert (status, problem["errors"][0]["field"]) == (422, "newest")


async def test_history_of_newest_names_what_it_is_not_given_with(client, headers, url):
    _, problem = await get(client, f"{url}/history?newest=2&limit=5&number=1", headers)
    found = problem["errors"][0]
    assert found["message"] == "must not be given together with limit, number: leave one or the other out"
    assert found["value"] == 2


async def test_rename_is_seen_in_the_list(client, headers, url):
    status, reply = await post(client, f"{url}/rename", headers, {"name": "cookies"})
    assert (status, reply["name"]) == (200, "cookies")
    _, page = await get(client, "/experiment/all", headers)
    assert [one["name"] for one in page["experiments"]] == ["cookies"]


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": 7}])
async def test_rename_and_delete_name_a_name_that_is_none(client, headers, url, body):
    status, problem = await post(client, f"{url}/rename", headers, body)
    assert (status, problem["errors"][0]["field"]) == (422, "name")
    status, problem = await post(client, f"{url}/delete", headers, body)
    assert (status, problem["errors"][0]["field"]) == (422, "name")


async def test_closed_experiment_is_reopened(client, headers, url, exp_uuid):
    await post(client, f"{url}/close", headers, {})
    status, reply = await post(client, f"{url}/reopen", headers, {})
    assert (status, reply["state"]) == (200, "active")
    assert (await get(client, f"/experiment/ask/{exp_uuid}", headers))[0] == 200


async def test_deleted_experiment_is_not_found(client, headers, url, exp_uuid, told):
    status, problem = await post(client, f"{url}/delete", headers, {"name": "cookies"})
    assert (status, problem["errors"][0]["value"]) == (422, "cookies")
    status, reply = await post(client, f"{url}/delete", headers, {"name": "brownies"})
    assert (status, reply) == (200, {"exp_uuid": exp_uuid, "name": "brownies", "n_observations": 2})
    for path in (url, f"{url}/history", f"/experiment/ask/{exp_uuid}"):
        assert (await get(client, path, headers))[0] == 404
    _, page = await get(client, "/experiment/all", headers)
    assert page["experiments"] == []


async def test_stranger_undoes_renames_reopens_and_deletes_nothing(client, headers, stranger, url, told):
    for place in (url, f"/experiment/{uuid4()}"):
        for call, body in (("undo", {}), ("rename", {"name": "x"}), ("reopen", {}), ("delete", {"name": "brownies"})):
            status, problem = await post(client, f"{place}/{call}", stranger, body)
            assert (status, problem["code"]) == (404, "not_found")
    _, page = await get(client, f"{url}/history", headers)
    assert [one["is_excluded"] for one in page["observations"]] == [False, False]

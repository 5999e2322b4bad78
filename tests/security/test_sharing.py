"""Experiments that people share: what each sees, what an invitation does, and what is left when it ends."""

from dataclasses import replace

import pytest

from autotune_service.tuning import people
from autotune_wire.accounts import Signup
from calling import get, post
from support import PASSWORD


async def shared(client, headers, exp_uuid, **body):
    return await post(client, f"/experiment/{exp_uuid}/share", headers, body)


async def role_of(client, headers, exp_uuid):
    status, found = await get(client, f"/experiment/{exp_uuid}/members", headers)
    return found["role"] if status == 200 else status


async def test_members_are_listed_with_their_roles_the_owner_first(client, person, headers, exp_uuid):
    await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="Bob@Example.org", role="viewer")
    status, found = await shared(client, headers, exp_uuid, email="new@example.org", role="teller")
    assert status == 200
    assert found["role"] == "owner"
    assert [(one["email"], one["role"], one["has_account"]) for one in found["members"]] == [
        ("ada@example.org", "owner", True),
        ("bob@example.org", "viewer", True),
        ("new@example.org", "teller", False),
    ]


async def test_address_that_was_invited_has_its_role_from_its_first_sign_in(client, person, headers, exp_uuid):
    await shared(client, headers, exp_uuid, email="new@example.org", role="editor")
    new = await person("new@example.org")
    assert await role_of(client, new, exp_uuid) == "editor"
    _, listed = await get(client, "/experiment/all", new)
    assert [one["exp_uuid"] for one in listed["experiments"]] == [exp_uuid]


@pytest.mark.parametrize("invitation", [None, "0" * 40, "right"])
async def test_share_waits_where_nobody_knows_that_the_address_is_the_users(
    client, accounts, sessions, headers, exp_uuid, invitation
):
    await shared(client, headers, exp_uuid, email="new@example.org", role="editor")
    unknown = replace(accounts, is_trusting=False)
    code = (await people.invite(unknown, "new@example.org")).code if invitation == "right" else invitation
    user = await unknown.sign_up(Signup(email="new@example.org", password=PASSWORD, invitation=code))
    new = {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}
    assert await role_of(client, new, exp_uuid) == ("editor" if invitation == "right" else 404)
    await shared(client, headers, exp_uuid, email="new@example.org", role="teller")
    assert await role_of(client, new, exp_uuid) == "teller"


async def test_listing_mixes_own_and_shared_experiments_by_age_across_pages(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    covars = {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}
    made = [exp_uuid]
    for owner in (bob, headers, bob):
        _, created = await post(client, "/experiment/new", owner, {"name": "y", "covars": covars})
        made.append(created["exp_uuid"])
    for one in (made[0], made[2]):
        await shared(client, headers, one, email="bob@example.org", role="viewer")
    found, after = [], ""
    while after is not None:
        _, page = await get(client, f"/experiment/all?limit=1{after}", bob)
        found += [one["exp_uuid"] for one in page["experiments"]]
        after = page["next"] and f"&after={page['next']}"
    assert found == made[::-1]


async def test_teller_tells_under_their_own_name(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="teller")
    status, _ = await post(client, f"/experiment/tell/{exp_uuid}", bob, {"covars": {"n": 3}, "response": 1.0})
    assert status == 202
    _, found = await get(client, f"/experiment/{exp_uuid}/history", headers)
    assert found["tellers"][found["observations"][0]["told_by"]] == "bob@example.org"


async def test_correction_and_abandon_say_who_did_it(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="editor")
    _, asked = await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1})
    suggestion_uuid = asked["suggestions"][0]["suggestion_uuid"]
    await post(client, f"/experiment/{exp_uuid}/abandon", bob, {"suggestion_uuid": suggestion_uuid, "reason": "r"})
    _, told = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": {"n": 3}, "response": 1.0})
    url = f"/experiment/{exp_uuid}/observation/{told['observations'][0]['observation_uuid']}"
    await post(client, url, bob, {"version": 1, "reason": "a slip", "response": 2.0})
    _, versions = await get(client, f"{url}/versions", headers)
    assert [one["corrected_by"] for one in versions["versions"]] == [None, "bob@example.org"]
    _, exported = await get(client, f"/experiment/{exp_uuid}/export", headers)
    _, history = await get(client, f"/experiment/{exp_uuid}/history", headers)
    (abandoned,) = [one["data"] for one in exported["events"] if one["type"] == "suggestion_abandoned"]
    assert abandoned["by"] != history["observations"][0]["told_by"]


async def test_higher_of_two_roles_counts(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    _, group = await post(client, "/group", headers, {"name": "lab"})
    await post(client, f"/group/{group['group_uuid']}/add", headers, {"email": "bob@example.org"})
    await shared(client, headers, exp_uuid, email="bob@example.org", role="viewer")
    await shared(client, headers, exp_uuid, group="lab", role="editor")
    assert await role_of(client, bob, exp_uuid) == "editor"


async def test_who_leaves_a_group_loses_what_was_shared_with_it(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    _, group = await post(client, "/group", headers, {"name": "lab"})
    await post(client, f"/group/{group['group_uuid']}/add", headers, {"email": "bob@example.org"})
    await shared(client, headers, exp_uuid, group="lab", role="editor")
    assert await role_of(client, bob, exp_uuid) == "editor"
    await post(client, f"/group/{group['group_uuid']}/remove", headers, {"email": "bob@example.org"})
    assert await role_of(client, bob, exp_uuid) == 404


async def test_share_ends(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="editor")
    assert await role_of(client, bob, exp_uuid) == "editor"
    status, left = await post(client, f"/experiment/{exp_uuid}/unshare", headers, {"email": "bob@example.org"})
    assert (status, len(left["members"])) == (200, 1)
    assert await role_of(client, bob, exp_uuid) == 404
    assert (await get(client, "/experiment/all", bob))[1]["experiments"] == []


async def test_new_owner_owns_and_the_former_one_edits(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="viewer")
    status, _ = await post(client, f"/experiment/{exp_uuid}/transfer", headers, {"email": "bob@example.org"})
    assert status == 200
    assert await role_of(client, bob, exp_uuid) == "owner"
    assert await role_of(client, headers, exp_uuid) == "editor"
    assert (await post(client, f"/experiment/{exp_uuid}/delete", headers, {"name": "x"}))[0] == 403
    assert (await post(client, f"/experiment/{exp_uuid}/delete", bob, {"name": "x"}))[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("share", {"role": "viewer"}, "", "either email or group"),
        ("share", {"email": "a@b.c", "group": "g", "role": "viewer"}, "", "either email or group"),
        ("share", {"email": "ada@example.org", "role": "viewer"}, "email", "owner"),
        ("share", {"group": "nobody's", "role": "viewer"}, "group", "no group"),
        ("share", {"email": "bob@example.org", "role": "owner"}, "role", "viewer"),
        ("unshare", {"email": "bob@example.org"}, "email", "no role"),
        ("transfer", {"email": "bob@example.org"}, "email", "share it first"),
    ],
)
async def test_wrong_shares_are_refused_by_field(client, person, headers, exp_uuid, path, body, field, words):
    await person("bob@example.org")
    status, problem = await post(client, f"/experiment/{exp_uuid}/{path}", headers, body)
    assert status == 422
    assert problem["errors"][0]["field"] == field
    assert words in problem["errors"][0]["message"]


async def test_group_of_another_is_read_and_not_changed(client, person, headers):
    bob = await person("bob@example.org")
    _, group = await post(client, "/group", headers, {"name": "lab"})
    url = f"/group/{group['group_uuid']}"
    assert (await post(client, f"{url}/add", bob, {"email": "bob@example.org"}))[0] == 404
    await post(client, f"{url}/add", headers, {"email": "bob@example.org"})
    assert (await get(client, "/group", bob))[1]["groups"][0]["emails"] == ["bob@example.org"]
    assert (await post(client, f"{url}/add", bob, {"email": "eve@example.org"}))[0] == 403
    assert (await client.delete(url, headers=bob)).status_code == 403
    assert (await client.delete(url, headers=headers)).status_code == 204
    assert (await get(client, "/group", headers))[1]["groups"] == []


async def test_new_owner_takes_the_role_of_the_former_owners_group_away(client, person, headers, exp_uuid):
    bob, eve = await person("bob@example.org"), await person("eve@example.org")
    _, group = await post(client, "/group", headers, {"name": "lab"})
    await shared(client, headers, exp_uuid, group="lab", role="editor")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="viewer")
    await post(client, f"/experiment/{exp_uuid}/transfer", headers, {"email": "bob@example.org"})
    await post(client, f"/group/{group['group_uuid']}/add", headers, {"email": "eve@example.org"})
    assert await role_of(client, eve, exp_uuid) == "editor"
    assert (await post(client, f"/experiment/{exp_uuid}/unshare", bob, {"group": "lab"}))[0] == 200
    assert await role_of(client, eve, exp_uuid) == 404


async def test_own_group_is_meant_first_where_a_former_owners_has_the_same_name(client, person, headers, exp_uuid):
    bob, eve = await person("bob@example.org"), await person("eve@example.org")
    for owner, email in ((headers, "eve@example.org"), (bob, "new@example.org")):
        _, group = await post(client, "/group", owner, {"name": "lab"})
        await post(client, f"/group/{group['group_uuid']}/add", owner, {"email": email})
    await shared(client, headers, exp_uuid, group="lab", role="editor")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="viewer")
    await post(client, f"/experiment/{exp_uuid}/transfer", headers, {"email": "bob@example.org"})
    await shared(client, bob, exp_uuid, group="lab", role="viewer")
    for left in ("editor", 404):
        assert (await post(client, f"/experiment/{exp_uuid}/unshare", bob, {"group": "lab"}))[0] == 200
        assert await role_of(client, eve, exp_uuid) == left
    assert (await post(client, f"/experiment/{exp_uuid}/unshare", bob, {"group": "lab"}))[0] == 422


async def test_group_is_not_shown_to_who_is_not_known_to_have_the_address(client, accounts, sessions, headers):
    _, group = await post(client, "/group", headers, {"name": "lab"})
    add = f"/group/{group['group_uuid']}/add"
    await post(client, add, headers, {"email": "new@example.org"})
    user = await replace(accounts, is_trusting=False).sign_up(Signup(email="new@example.org", password=PASSWORD))
    new = {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}
    assert (await get(client, "/group", new))[1]["groups"] == []
    assert (await post(client, add, new, {"email": "eve@example.org"}))[0] == 404
    await post(client, add, headers, {"email": "new@example.org"})
    assert [one["name"] for one in (await get(client, "/group", new))[1]["groups"]] == ["lab"]


async def test_audit_says_who_shared_what(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await shared(client, headers, exp_uuid, email="bob@example.org", role="viewer")
    await post(client, f"/experiment/{exp_uuid}/unshare", headers, {"email": "bob@example.org"})
    _, found = await get(client, f"/experiment/{exp_uuid}/audit", headers)
    assert [(one["action"], one["by"], one["way"], one["data"]["email"]) for one in found["entries"]] == [
        ("unshared", "ada@example.org", "token", "bob@example.org"),
        ("shared", "ada@example.org", "token", "bob@example.org"),
    ]
    _, own = await get(client, "/audit", bob)
    assert [one["action"] for one in own["entries"]] == ["signed_in", "signed_up"]
    _, page = await get(client, "/audit?limit=1", headers)
    _, rest = await get(client, f"/audit?limit=1&after={page['next']}", headers)
    assert [one["entries"][0]["action"] for one in (page, rest)] == ["unshared", "shared"]

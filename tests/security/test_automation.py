"""Tokens for automation: shown once, limited, revoked."""

from calling import get, post

ADMIN = {"name": "robot", "scopes": ["read", "tell"]}


async def test_token_is_shown_once_and_stored_as_a_hash(client, headers, database):
    status, created = await post(client, "/auth/tokens", headers, ADMIN)
    assert status == 201
    assert created["token"].startswith("autotune_")
    assert created["time_expires"] is None
    _, listed = await get(client, "/auth/tokens", headers)
    assert [(one["name"], one["scopes"]) for one in listed["tokens"]] == [("robot", ["read", "tell"])]
    assert "token" not in listed["tokens"][0]
    stored = await database.fetch("SELECT * FROM automation_tokens")
    assert created["token"] not in str([dict(row) for row in stored])


async def test_token_tells_for_its_user_and_notes_its_use(client, headers, exp_uuid):
    _, created = await post(client, "/auth/tokens", headers, ADMIN)
    robot = {"Authorization": f"Bearer {created['token']}"}
    status, _ = await post(client, f"/experiment/tell/{exp_uuid}", robot, {"covars": {"n": 3}, "response": 1.0})
    assert status == 202
    _, listed = await get(client, "/auth/tokens", headers)
    assert listed["tokens"][0]["time_last_used"] is not None


async def test_token_that_was_revoked_opens_nothing(client, headers):
    _, created = await post(client, "/auth/tokens", headers, ADMIN)
    robot = {"Authorization": f"Bearer {created['token']}"}
    assert (await get(client, "/experiment/all", robot))[0] == 200
    url = f"/auth/tokens/{created['token_uuid']}"
    assert (await client.delete(url, headers=headers)).status_code == 204
    assert (await get(client, "/experiment/all", robot))[0] == 401
    assert (await client.delete(url, headers=headers)).status_code == 404


async def test_token_of_another_is_not_found(client, person, headers):
    _, created = await post(client, "/auth/tokens", headers, ADMIN)
    eve = await person("eve@example.org")
    assert (await client.delete(f"/auth/tokens/{created['token_uuid']}", headers=eve)).status_code == 404
    assert (await get(client, "/auth/tokens", eve))[1]["tokens"] == []


async def test_token_ends_with_its_time(client, headers, sessions, database):
    _, created = await post(client, "/auth/tokens", headers, {**ADMIN, "expires_in_s": 60})
    robot = {"Authorization": f"Bearer {created['token']}"}
    assert (await get(client, "/experiment/all", robot))[0] == 200
    await database.execute("UPDATE automation_tokens SET expires_at = clock_timestamp()")
    sessions.forget()
    assert (await get(client, "/experiment/all", robot))[0] == 401


async def test_token_names_no_experiment_of_others(client, person, exp_uuid):
    eve = await person("eve@example.org")
    status, problem = await post(client, "/auth/tokens", eve, {**ADMIN, "experiments": [exp_uuid]})
    assert (status, problem["errors"][0]["field"]) == (422, "experiments.0")


async def test_token_makes_no_token_and_signs_nobody_out(client, headers):
    _, created = await post(client, "/auth/tokens", headers, {"name": "robot", "scopes": ["write"]})
    robot = {"Authorization": f"Bearer {created['token']}"}
    assert (await post(client, "/auth/tokens", robot, ADMIN))[0] == 403
    assert (await client.post("/auth/logout", headers=robot)).status_code == 401
    assert (await get(client, "/experiment/all", headers))[0] == 200


async def test_token_for_some_experiments_learns_of_no_other_and_makes_no_token_that_does(client, headers, exp_uuid):
    _, created = await post(client, "/auth/tokens", headers, {**ADMIN, "scopes": ["admin"], "experiments": [exp_uuid]})
    robot = {"Authorization": f"Bearer {created['token']}"}
    assert (await post(client, "/auth/tokens", robot, {"name": "escape", "scopes": ["admin"]}))[0] == 403
    assert (await post(client, "/group", robot, {"name": "lab"}))[0] == 403
    for path in ("/user/export", "/audit", "/auth/tokens", "/experiment/all", "/group"):
        assert (await get(client, path, robot))[0] == 403, path
    assert (await get(client, f"/experiment/{exp_uuid}/audit", robot))[0] == 200
    assert (await post(client, "/auth/header-me", robot, None))[0] == 200

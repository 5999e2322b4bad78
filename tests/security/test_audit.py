"""Who did what from where: it is written with what it is about, nobody changes it, and no stranger fills it."""

import re
from dataclasses import replace

import asyncpg
import pytest

from autotune_service.store.backups.backup import back_up
from autotune_service.store.backups.restore import restore
from autotune_service.store.migrate import downgrade, upgrade
from autotune_service.tuning import account_deletion, people
from autotune_service.tuning.audit import read_audit
from autotune_wire.access import AuditQuery
from autotune_wire.accounts import Signup
from calling import get, post
from raw_database import connect
from support import PASSWORD, make_experiment

ADA, BOSS, NEW = "ada@example.org", "boss@example.org", "new@example.org"
FORM = {"username": ADA, "password": PASSWORD}
OTHER_WORDS = "some quite other words"


@pytest.fixture
async def admin(accounts, sessions):
    """The headers of an admin."""
    user = await people.add_account(accounts, BOSS, PASSWORD, is_admin=True)
    return {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}


@pytest.fixture
async def since(store, admin, headers):
    """Returns what was written since the test began: (action, by, way, account, data), oldest first."""
    before = {entry.number for entry in (await read_audit(store, AuditQuery())).entries}

    async def read():
        entries = (await read_audit(store, AuditQuery(limit=1000))).entries[::-1]
        return [(one.action, one.by, one.way, one.account, one.data) for one in entries if one.number not in before]

    return read


async def actions(client, headers):
    return [entry["action"] for entry in (await get(client, "/audit?limit=1000", headers))[1]["entries"]]


async def test_signing_up_in_and_out_is_written_with_the_way_and_the_address(client, since):
    body = {"email": NEW, "password": PASSWORD}
    assert (await client.post("/user/signup", json=body)).status_code == 201
    form = FORM | {"username": NEW}
    tokens = await (await client.post("/auth/token", form=form)).get_json()
    await client.post("/auth/logout", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    for _ in range(2):  # the second sign-in ends the session of the first
        assert (await client.post("/auth/login", form=form)).status_code == 200
    for _ in range(2):  # there is nothing left to end
        await client.post("/auth/logout")
    assert await since() == [
        ("signed_up", NEW, "none", None, {"invited": False}),
        ("signed_in", NEW, "token", None, {}),
        ("signed_out", NEW, "token", None, {}),
        ("signed_in", NEW, "cookie", None, {}),
        ("signed_out", NEW, "cookie", None, {}),
        ("signed_in", NEW, "cookie", None, {}),
        ("signed_out", NEW, "cookie", None, {}),
    ]


async def test_address_is_that_of_the_client(client, store, user_uuid):
    await client.post("/auth/token", form=FORM, scope_base={"client": ("192.0.2.7", 1)})
    await client.post("/auth/token", form=FORM | {"password": "wrong"}, scope_base={"client": ("192.0.2.8", 1)})
    newest = (await read_audit(store, AuditQuery(limit=2))).entries
    assert [(one.action, one.address) for one in newest] == [
        ("sign_in_refused", "192.0.2.8"),
        ("signed_in", "192.0.2.7"),
    ]


async def test_refused_sign_ins_are_written_ever_more_rarely(accounts, since, monkeypatch):
    """Twenty-five at one account, each from another network, as by somebody who has many: eleven rows."""
    for number in range(25):
        with pytest.raises(Exception, match="wrong"):
            await accounts.sign_in(ADA, f"wrong {number}", f"10.0.{number}.1")
    found = await since()
    assert [data["n"] for _, _, _, _, data in found] == [*range(1, 10), 10, 20]
    assert {entry[:4] for entry in found} == {("sign_in_refused", None, "none", ADA)}


async def test_next_day_counts_anew(accounts, since, database):
    async def fail(words):
        with pytest.raises(Exception, match="wrong"):
            await accounts.sign_in(ADA, words, "10.0.0.1")

    await fail("first")
    await fail("second")
    await database.execute("UPDATE refused_sign_ins SET since = since - interval '25 hours'")
    await fail("third")
    assert [data["n"] for _, _, _, _, data in await since()] == [1, 2, 1]


async def test_nobody_fills_the_audit_with_accounts_that_do_not_exist(accounts, since, database):
    for number in range(12):
        with pytest.raises(Exception, match="wrong"):
            await accounts.sign_in(f"{number}@example.org", "wrong", "10.0.0.1")
    assert await since() == []
    assert await database.fetchval("SELECT count(*) FROM refused_sign_ins") == 0


async def test_wrong_password_before_a_change_of_the_account_is_a_refused_sign_in(client, headers, since):
    body = {"old_password": "wrong", "new_password": OTHER_WORDS}
    assert (await post(client, "/user/password", headers, body))[0] == 422
    assert await since() == [("sign_in_refused", None, "none", ADA, {"n": 1})]


async def test_what_is_done_with_accounts_is_written_for_who_did_it_and_whose_it_is(
    client, headers, admin, user_uuid, since
):
    account = f"/user/{user_uuid}"
    await post(client, "/user/invitations", admin, {"email": NEW})
    _, issued = await post(client, f"{account}/reset-code", admin, None)
    await client.post("/user/reset", json={"code": issued["code"], "new_password": OTHER_WORDS})
    await post(client, f"{account}/deactivate", admin, None)
    await post(client, f"{account}/activate", admin, None)
    await post(client, f"{account}/delete", admin, {"email": ADA})
    found = await since()
    assert found == [
        ("invited", BOSS, "token", None, {"email": NEW}),
        ("reset_code_issued", BOSS, "token", ADA, {}),
        ("password_reset", ADA, "none", None, {"tokens_revoked": 0}),
        ("deactivated", BOSS, "token", ADA, {}),
        ("activated", BOSS, "token", ADA, {}),
        ("account_deleted", BOSS, "token", ADA, {}),
    ]
    assert issued["code"] not in str(found)


async def test_what_users_do_with_their_own_account_is_written(client, headers, since):
    body = {"old_password": PASSWORD, "new_password": OTHER_WORDS}
    await post(client, "/user/password", headers, body)
    assert (await client.get("/user/export", headers=headers)).status_code == 200
    made = await make_experiment(client, headers)
    await post(client, "/user/delete", headers, {"password": OTHER_WORDS})
    assert await since() == [
        ("password_changed", ADA, "token", None, {"tokens_revoked": 0}),
        ("account_exported", ADA, "token", None, {}),
        ("account_deleted", ADA, "token", None, {}),
        ("experiment_deleted", ADA, "token", None, {"name": made["name"], "n_observations": 0, "with_account": True}),
    ]


async def test_own_deactivation_is_written(client, headers, since):
    assert (await post(client, "/user/deactivate", headers, {"password": PASSWORD}))[0] == 204
    assert await since() == [("deactivated", ADA, "token", None, {})]


async def test_deleted_experiment_is_written_with_its_name_and_uuid(client, headers, exp_uuid, store):
    await post(client, f"/experiment/{exp_uuid}/delete", headers, {"name": "wrong"})
    await post(client, f"/experiment/{exp_uuid}/delete", headers, {"name": "x"})
    newest, before = (await read_audit(store, AuditQuery(limit=2))).entries
    assert (newest.action, newest.by, str(newest.exp_uuid)) == ("experiment_deleted", ADA, exp_uuid)
    assert newest.data == {"name": "x", "n_observations": 0}
    assert before.action == "signed_in"


async def test_refresh_token_that_comes_twice_is_written(client, user_uuid, headers, database, since):
    first = (await (await client.post("/auth/token", form=FORM)).get_json())["refresh_token"]
    await client.post("/auth/refresh", json={"refresh_token": first})
    await database.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 s'")
    for _ in range(2):  # the family has ended once
        assert (await client.post("/auth/refresh", json={"refresh_token": first})).status_code == 401
    assert await since() == [
        ("signed_in", ADA, "token", None, {}),
        ("refresh_token_reused", None, "none", ADA, {}),
    ]


async def test_commands_are_the_operators(accounts, user_uuid, since):
    await people.add_account(accounts, NEW, PASSWORD, is_admin=True)
    await people.set_password(accounts, ADA, OTHER_WORDS)
    await people.set_active(accounts, user_uuid, is_active=False)
    for is_admin in (True, False):
        await people.set_admin(accounts, user_uuid, is_admin=is_admin)
    assert await since() == [
        ("account_created", None, "command", NEW, {"admin": True}),
        ("password_set", None, "command", ADA, {"tokens_revoked": 0}),
        ("deactivated", None, "command", ADA, {}),
        ("admin_given", None, "command", ADA, {}),
        ("admin_taken", None, "command", ADA, {}),
    ]


async def test_user_reads_what_was_done_to_the_account_and_nobody_elses(
    client, headers, admin, accounts, person, user_uuid
):
    bob = await person("bob@example.org")
    await post(client, f"/user/{user_uuid}/activate", admin, None)
    with pytest.raises(Exception, match="wrong"):
        await accounts.sign_in(ADA, "wrong", "10.0.0.1")
    expected = ["sign_in_refused", "activated", "signed_in", "signed_up"]
    assert await actions(client, headers) == expected
    assert await actions(client, bob) == ["signed_in", "signed_up"]
    pages, after = [], ""
    while after is not None:
        _, page = await get(client, f"/audit?limit=1{after}", headers)
        pages += [entry["action"] for entry in page["entries"]]
        after = page["next"] and f"&after={page['next']}"
    assert pages == expected


async def test_act_that_fails_leaves_no_entry(client, headers, since, monkeypatch):
    async def fails(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("autotune_service.tuning.sessions.add_refresh_token", fails)
    assert (await client.post("/auth/token", form=FORM)).status_code == 500
    assert await since() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET email = 'eve@example.org'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE false",
        "TRUNCATE audit",
    ],
)
async def test_database_refuses_to_change_the_audit(database, headers, change):
    before = await database.fetch("SELECT * FROM audit")
    assert len(before) == 2
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="never changed"):
        await database.execute(change)
    assert await database.fetch("SELECT * FROM audit") == before


async def test_owner_of_the_tables_may_delete_what_is_old(root, database, headers):
    """By the statements of docs/security.md."""
    text = (root / "docs" / "security.md").read_text()
    _, _, following = text.partition("Where old entries must go")
    statements = re.search(r"(?:^    .*\n)+", following, re.MULTILINE)[0]
    await database.execute(
        "INSERT INTO audit (at, way, action, data) VALUES (now() - interval '3 years', '', '', '{}')"
    )
    await database.execute(statements)
    assert await database.fetchval("SELECT count(*) FROM audit") == 2
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await database.execute("DELETE FROM audit")


async def test_entries_outlive_account_and_experiments(client, accounts, headers, database, user_uuid, exp_uuid):
    async with accounts.store.work() as work:
        await people.mark_deleted(work, user_uuid)
    assert await account_deletion.delete_account(accounts.store, user_uuid) == 1
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    found = await database.fetch("SELECT action, email FROM audit WHERE user_uuid = $1 ORDER BY number", user_uuid)
    assert [tuple(row) for row in found] == [("signed_up", ADA), ("signed_in", ADA)]


async def test_restored_audit_is_whole_goes_on_and_is_guarded(
    database, database_url, empty_database_url, headers, tmp_path
):
    file = tmp_path / "one.backup"
    await back_up(database_url, file, lambda _: None)
    for is_again in (False, True):
        await restore(empty_database_url, file, lambda _: None, replace=is_again)
        restored = await connect(empty_database_url)
        try:
            assert await restored.fetch("SELECT * FROM audit") == await database.fetch("SELECT * FROM audit")
            await restored.execute("INSERT INTO audit (at, way, action, data) VALUES (now(), '', '', '{}')")
            assert await restored.fetchval("SELECT max(number) FROM audit") == 3
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await restored.execute("DELETE FROM audit")
        finally:
            await restored.close()


async def test_guard_goes_and_comes_with_its_table(empty_database_url):
    await upgrade(empty_database_url)
    await downgrade(empty_database_url, "0006")
    connection = await connect(empty_database_url)
    try:
        left = await connection.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'refuse_to_change_audit'")
        assert left == 0
        await upgrade(empty_database_url)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute("DELETE FROM audit")
    finally:
        await connection.close()


async def test_invited_sign_up_says_so(accounts, since):
    code = (await people.invite(accounts, NEW)).code
    by_invitation = replace(accounts, sign_up_mode="invitation")
    await by_invitation.sign_up(Signup(email=NEW, password=PASSWORD, invitation=code))
    assert await since() == [
        ("invited", None, "command", None, {"email": NEW}),
        ("signed_up", NEW, "none", None, {"invited": True}),
    ]

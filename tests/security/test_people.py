"""Who may have an account, and what admins and users do with accounts."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from autotune_service.app import accounts_of
from autotune_service.domain.brakes import BrakeRules
from autotune_service.domain.errors import EmailTakenError, InvitationError, SignUpClosedError, UnauthenticatedError
from autotune_service.settings import load_settings
from autotune_service.store.rows.people import mark_deleted
from autotune_service.store.rows.users import get_user
from autotune_service.tuning import account_deletion, people
from autotune_service.tuning.mail import Mail
from autotune_service.tuning.upkeep import tidy
from autotune_wire.accounts import PasswordReset, Signup
from calling import get, post
from support import PASSWORD, UNKNOWN_UUID, make_experiment

ADA, NEW = "ada@example.org", "new@example.org"
OTHER_WORDS = "some other words"
LATE = {"invitation": "INVITATION_LIFETIME", "reset": "RESET_LIFETIME"}


@pytest.fixture
async def admin(accounts, sessions):
    """The headers of an admin."""
    user = await people.add_account(accounts, "boss@example.org", PASSWORD, is_admin=True)
    return {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}


@pytest.fixture
async def stranger(accounts, sessions):
    """The headers of somebody who is no admin, and not Ada."""
    user = await accounts.sign_up(Signup(email="eve@example.org", password=PASSWORD))
    return {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}


async def can_sign_in(accounts, password, email=ADA):
    try:
        await accounts.sign_in(email, password)
    except UnauthenticatedError:
        return False
    return True


@pytest.mark.parametrize(
    ("mode", "given", "sign_up", "least"),
    [("dev", None, "open", 8), ("prod", None, "closed", 15), ("prod", "invitation", "invitation", 15)],
)
def test_service_in_prod_is_closed_until_its_operator_opens_it(store, passwords, mode, given, sign_up, least):
    settings = load_settings(mode=mode, secret="vNnBzu5DjUEMRMBbQ1rlgo0wQJfLhK3x", sign_up=given)
    accounts = accounts_of(settings, store, passwords, Mail())
    assert (accounts.sign_up_mode, accounts.password_rules.least) == (sign_up, least)
    assert accounts.brakes.rules == BrakeRules()


async def test_nobody_signs_up_where_it_is_closed(accounts):
    closed = replace(accounts, sign_up_mode="closed")
    code = (await people.invite(closed, NEW)).code
    with pytest.raises(SignUpClosedError):
        await closed.sign_up(Signup(email=NEW, password=PASSWORD, invitation=code))


async def test_invitation_works_once_and_for_its_address_alone(accounts):
    invited = replace(accounts, sign_up_mode="invitation")
    code = (await people.invite(invited, NEW)).code
    for email, given in ((NEW, None), (NEW, "0" * 40), ("eve@example.org", code)):
        with pytest.raises(InvitationError):
            await invited.sign_up(Signup(email=email, password=PASSWORD, invitation=given))
    await invited.sign_up(Signup(email=NEW, password=PASSWORD, invitation=code))
    assert await can_sign_in(accounts, PASSWORD, NEW)
    with pytest.raises(InvitationError):
        await invited.sign_up(Signup(email=NEW, password=OTHER_WORDS, invitation=code))


async def test_code_expires_and_is_forgotten(accounts, user_uuid, monkeypatch):
    for name in LATE.values():
        monkeypatch.setattr(people, name, timedelta(seconds=-1))
    invited = replace(accounts, sign_up_mode="invitation")
    code = (await people.invite(invited, NEW)).code
    with pytest.raises(InvitationError):
        await invited.sign_up(Signup(email=NEW, password=PASSWORD, invitation=code))
    code = (await people.issue_reset_code(accounts, user_uuid)).code
    with pytest.raises(UnauthenticatedError):
        await people.reset_password(accounts, PasswordReset(code=code, new_password=OTHER_WORDS), "")
    await tidy(accounts.store)


async def test_second_code_replaces_the_first(accounts, user_uuid):
    first, second = [(await people.issue_reset_code(accounts, user_uuid)).code for _ in range(2)]
    with pytest.raises(UnauthenticatedError):
        await people.reset_password(accounts, PasswordReset(code=first, new_password=OTHER_WORDS), "")
    await people.reset_password(accounts, PasswordReset(code=second, new_password=OTHER_WORDS), "")
    with pytest.raises(UnauthenticatedError):
        await people.reset_password(accounts, PasswordReset(code=second, new_password="yet another try"), "")
    assert await can_sign_in(accounts, OTHER_WORDS)


async def test_admin_invites_no_address_that_has_an_account(accounts, user_uuid):
    with pytest.raises(EmailTakenError):
        await people.invite(accounts, ADA)


async def test_code_is_shown_in_dev_alone(accounts, user_uuid, caplog):
    shown = []
    code = await people.issue_reset_code(replace(accounts, mail=Mail(shown.append)), user_uuid)
    assert len(shown) == 1
    assert code.code in shown[0]
    silent = await people.issue_reset_code(accounts, user_uuid)
    assert silent.code not in caplog.text


async def test_change_of_password_ends_all_other_sign_ins(client, accounts, sessions, user_uuid):
    form = {"username": ADA, "password": PASSWORD}
    tokens = await sessions.open_program(user_uuid)
    elsewhere = await sessions.open_browser(user_uuid)
    await client.post("/auth/login", form=form)
    body = {"old_password": PASSWORD, "new_password": OTHER_WORDS}
    assert (await client.post("/user/password", json=body)).status_code == 204
    assert (await client.get("/auth/me")).status_code == 200
    with pytest.raises(UnauthenticatedError):
        await sessions.caller_of_cookie(elsewhere)
    with pytest.raises(UnauthenticatedError):
        await sessions.refresh(tokens.refresh_token)
    assert (await can_sign_in(accounts, PASSWORD), await can_sign_in(accounts, OTHER_WORDS)) == (False, True)


@pytest.fixture
async def robots(client, headers):
    """The headers of two tokens for automation of Ada's."""
    made = [(await post(client, "/auth/tokens", headers, {"name": name, "scopes": ["admin"]}))[1] for name in "ab"]
    return [{"Authorization": f"Bearer {token['token']}"} for token in made]


async def who_works(client, sessions, robots):
    sessions.forget()  # as a second later
    return [(await get(client, "/experiment/all", robot))[0] == 200 for robot in robots]


@pytest.mark.parametrize(
    ("option", "asker", "works"),
    [
        ({}, None, [True, True]),
        ({"revoke_tokens": False}, 0, [True, True]),
        ({"revoke_tokens": True}, None, [False, False]),
        ({"revoke_tokens": True}, 0, [True, False]),  # what asks goes on, as a session does
    ],
)
async def test_tokens_end_with_a_new_password_where_the_user_says_so(
    client, headers, sessions, robots, option, asker, works
):
    body = {"old_password": PASSWORD, "new_password": OTHER_WORDS, **option}
    assert (await post(client, "/user/password", headers if asker is None else robots[asker], body))[0] == 204
    assert await who_works(client, sessions, robots) == works


@pytest.mark.parametrize("way", ["reset", "passwd", "disable", "deactivate"])
async def test_tokens_end_with_what_admins_and_operators_do(
    client, headers, admin, accounts, sessions, robots, user_uuid, way
):
    if way == "reset":
        _, issued = await post(client, f"/user/{user_uuid}/reset-code", admin, None)
        assert await who_works(client, sessions, robots) == [True, True], "the code alone ends nothing"
        await client.post("/user/reset", json={"code": issued["code"], "new_password": OTHER_WORDS})
    elif way == "passwd":
        await people.set_password(accounts, ADA, OTHER_WORDS)
    elif way == "disable":
        await post(client, f"/user/{user_uuid}/deactivate", admin, None)
        assert await who_works(client, sessions, robots) == [False, False]
        await post(client, f"/user/{user_uuid}/activate", admin, None)
    else:
        await post(client, "/user/deactivate", headers, {"password": PASSWORD})
        await post(client, f"/user/{user_uuid}/activate", admin, None)
    assert await who_works(client, sessions, robots) == [False, False]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/user/password", {"old_password": "wrong", "new_password": OTHER_WORDS}, "old_password"),
        ("/user/password", {"old_password": PASSWORD, "new_password": "password1"}, "new_password"),
        ("/user/delete", {"password": "wrong"}, "password"),
        ("/user/deactivate", {"password": "wrong"}, "password"),
    ],
)
async def test_refused_change_names_the_field_and_changes_nothing(client, headers, accounts, path, body, field):
    status, problem = await post(client, path, headers, body)
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert await can_sign_in(accounts, PASSWORD)


async def test_admin_lists_users_page_by_page(client, admin, user_uuid):
    status, first = await get(client, "/user/?limit=1", admin)
    assert (status, len(first["users"])) == (200, 1)
    _, second = await get(client, f"/user/?limit=1&after={first['next']}", admin)
    assert {user["email"]: user["admin"] for user in first["users"] + second["users"]} == {
        "boss@example.org": True,
        ADA: False,
    }
    assert second["next"] is None
    assert (await get(client, "/user/?after=nonsense", admin))[0] == 422


async def test_user_who_is_no_admin_sees_nobody_else(client, headers, stranger, user_uuid):
    assert (await get(client, f"/user/{user_uuid}", headers))[0] == 200
    assert (await get(client, f"/user/{user_uuid}", stranger))[0] == 404
    assert (await get(client, "/user/", stranger))[0] == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/user/invitations", {"email": NEW}),
        ("/user/{}/deactivate", None),
        ("/user/{}/activate", None),
        ("/user/{}/reset-code", None),
        ("/user/{}/delete", {"email": ADA}),
    ],
)
async def test_what_admins_do_is_for_admins(client, stranger, accounts, user_uuid, path, body):
    assert (await post(client, path.format(user_uuid), stranger, body))[0] == 403
    assert await can_sign_in(accounts, PASSWORD)


async def test_admin_resets_a_password_and_closes_an_account(client, admin, accounts, user_uuid):
    _, issued = await post(client, f"/user/{user_uuid}/reset-code", admin, None)
    body = {"code": issued["code"], "new_password": OTHER_WORDS}
    assert (await client.post("/user/reset", json=body)).status_code == 204
    assert await can_sign_in(accounts, OTHER_WORDS)
    status, user = await post(client, f"/user/{user_uuid}/deactivate", admin, None)
    assert (status, user["active"]) == (200, False)
    assert not await can_sign_in(accounts, OTHER_WORDS)
    await post(client, f"/user/{user_uuid}/activate", admin, None)
    assert await can_sign_in(accounts, OTHER_WORDS)
    assert (await post(client, f"/user/{UNKNOWN_UUID}/deactivate", admin, None))[0] == 404


async def test_deletion_takes_the_user_and_all_experiments(client, headers, admin, accounts, user_uuid):
    made = [await make_experiment(client, headers) for _ in range(2)]
    kept = await make_experiment(client, admin)
    assert (await post(client, f"/user/{user_uuid}/delete", admin, {"email": "eve@example.org"}))[0] == 422
    reply = await client.post("/user/delete", json={"password": PASSWORD}, headers=headers)
    assert reply.status_code == 204
    async with accounts.store.work() as work:
        assert await get_user(work, user_uuid) is None
    assert (await get(client, f"/experiment/{made[0]['exp_uuid']}", admin))[0] == 404
    assert (await get(client, f"/experiment/{kept['exp_uuid']}", admin))[0] == 200
    assert (await get(client, f"/user/{user_uuid}", admin))[0] == 404


async def test_deletion_that_was_cut_short_is_finished_by_a_worker(client, headers, accounts, user_uuid, monkeypatch):
    await make_experiment(client, headers)
    async with accounts.store.work() as work:
        await mark_deleted(work, user_uuid)
    await tidy(accounts.store)
    async with accounts.store.work() as work:
        assert await get_user(work, user_uuid) is not None, "the request itself may still be at work"
    monkeypatch.setattr(account_deletion, "_LEFT_ALONE", timedelta(0))
    await tidy(accounts.store)
    async with accounts.store.work() as work:
        assert await get_user(work, user_uuid) is None


async def test_export_has_all_experiments_and_no_secret(client, headers, sessions, user_uuid, monkeypatch):
    monkeypatch.setattr("autotune_service.tuning.user_export._PAGE", 2)
    made = [(await make_experiment(client, headers))["exp_uuid"] for _ in range(5)]
    await sessions.open_browser(user_uuid)
    reply = await client.get("/user/export", headers=headers)
    text = await reply.get_data(as_text=True)
    exported = json.loads(text)
    assert exported["user"]["email"] == ADA
    assert len(exported["sessions"]) == 2  # the one that asks, too
    assert [experiment["exp_uuid"] for experiment in exported["experiments"]] == made
    assert (await client.get(exported["experiments"][0]["export"], headers=headers)).status_code == 200
    assert "argon2" not in text

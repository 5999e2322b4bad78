"""Sharing, tokens for automation, groups and the audit, by both clients."""

import stat
from datetime import timedelta

import httpx2
import pytest
from fake_access import ME, SECRET, PeopleService
from fake_service import PASSWORD, SPACE, URL, problem
from pydantic import SecretStr

import autotune
from autotune.errors import (
    ConnectionFailedError,
    ForbiddenError,
    InvalidInputError,
    ServiceError,
    UnauthenticatedError,
)
from autotune.transport.credentials import Credentials
from support import UNKNOWN_UUID


@pytest.fixture
def service() -> PeopleService:
    return PeopleService()


def test_share_gives_a_person_and_a_group_a_role(client, experiment, service):
    client.new_group("oven")
    experiment.share("ada@lab.test", "teller")
    members = experiment.share("oven", "editor")
    assert service.members == {"ada@lab.test": "teller", "group oven": "editor"}
    assert (members.role, [member.role for member in members]) == ("owner", ["owner", "teller", "editor"])
    assert repr(experiment.members()).splitlines() == [
        "Who may do what with 'brownies'; you are its owner",
        "  who           role",
        f"  {ME:<12}  owner",
        "  ada@lab.test  teller  no account yet",
        "  group oven    editor",
    ]
    assert "<td" in members._repr_html_()


def test_unshare_takes_the_role_away(experiment, service):
    experiment.share("ada@lab.test", "viewer")
    assert [member.email for member in experiment.unshare("ada@lab.test")] == [ME]
    assert service.members == {}


@pytest.mark.parametrize(
    ("who", "role", "says"),
    [
        ("ada@lab.test", "king", "role: must be 'viewer', 'teller' or 'editor'"),
        ("@lab.test", "viewer", "email: must be a mail address"),
        ("", "viewer", "group: "),
    ],
)
def test_share_that_is_not_valid_is_not_sent(experiment, service, who, role, says):
    with pytest.raises(InvalidInputError, match=says):
        experiment.share(who, role)
    assert service.n_calls("POST /experiment/") == 1  # the creation


def test_share_with_a_group_that_is_not_there_says_so(experiment):
    with pytest.raises(ServiceError, match="group: you own no group of this name"):
        experiment.share("lab", "viewer")


def test_role_that_is_too_low_is_its_own_error(experiment, service):
    service.trouble("POST /experiment/", problem(403, "forbidden", "you are a teller: this needs the role owner"))
    with pytest.raises(ForbiddenError, match="this needs the role owner"):
        experiment.share("ada@lab.test", "viewer")


def test_transfer_names_the_new_owner_and_audit_says_who_did_it(experiment, service):
    experiment.transfer("ada@lab.test")
    [deed] = experiment.audit()
    assert (deed.action, deed.data) == ("transferred", {"email": "ada@lab.test"})
    assert repr(experiment.audit()).endswith("a@b.c  token         10.0.0.1  transferred: email ada@lab.test")


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        ({"action": "signed_in"}, ("a@b.c", "token", "10.0.0.1", "signed in")),
        ({"action": "signed_up", "way": "none", "data": {"invited": False}}, ("a@b.c", "", "10.0.0.1", "signed up")),
        (
            {"action": "sign_in_refused", "by": None, "way": "none", "account": "a@b.c", "data": {"n": 20}},
            ("somebody", "", "10.0.0.1", "gave a wrong password for the account a@b.c, number 20 within a day"),
        ),
        (
            {"action": "deactivated", "account": "eve@lab.test"},
            ("a@b.c", "token", "10.0.0.1", "closed the account eve@lab.test"),
        ),
        (
            {"action": "password_set", "by": None, "way": "command", "address": None, "account": "a@b.c"},
            ("the operator", "command", "", "set a new password for the account a@b.c"),
        ),
        (
            {"action": "password_changed", "data": {"tokens_revoked": 2}},
            ("a@b.c", "token", "10.0.0.1", "changed the password: tokens revoked 2"),
        ),
        (
            {"action": "token_created", "by": None, "way": "command", "account": "a@b.c", "data": {"name": "robot"}},
            ("the operator", "command", "10.0.0.1", "token created: name robot (account a@b.c)"),
        ),
        (
            {"action": "experiment_deleted", "exp_uuid": UNKNOWN_UUID, "data": {"name": "x", "n_observations": 5}},
            ("a@b.c", "token", "10.0.0.1", f"deleted the experiment 'x': observations 5 (experiment {UNKNOWN_UUID})"),
        ),
        ({"action": "invited", "data": {}}, ("a@b.c", "token", "10.0.0.1", "invited")),  # of another version
        ({"action": "new_deed", "data": {"is": "so"}}, ("a@b.c", "token", "10.0.0.1", "new deed: is so")),
    ],
)
def test_entries_of_the_audit_are_said_in_words(client, service, entry, row):
    service._note("")
    service.deeds[0] |= entry
    assert client.audit()._rows()[0][1:] == row


def test_audit_is_read_page_by_page_up_to_its_limit(client, experiment, service):
    for n in range(5):
        experiment.share(f"u{n}@lab.test", "viewer")
    service.page = 2
    assert [deed.number for deed in client.audit()] == [5, 4, 3, 2, 1]
    assert [deed.number for deed in client.audit(3)] == [5, 4, 3]
    client.audit(everybody=True)
    assert service.calls[-1][1] == "/audit/all"


def test_new_token_shows_its_secret_only_when_asked(client, experiment, tmp_path):
    made = client.new_token("robot", "read, tell", experiments=experiment, expires_in="30d")
    shown = [repr(made), str(made), made._repr_html_(), repr(vars(made)), repr([*made.__rich_repr__()])]
    assert not any(SECRET in text for text in shown)
    assert made.secret() == SECRET
    file = made.save(tmp_path / "robot.token")
    assert file.read_text() == f"{SECRET}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        made.save(file)


@pytest.mark.parametrize(("given", "seconds"), [("90m", 5400), ("2w", 1_209_600), (timedelta(days=1), 86_400)])
def test_new_token_takes_scopes_experiments_and_a_time(client, experiment, service, given, seconds):
    client.new_token("robot", ["tell"], experiments=[str(experiment.exp_uuid)], expires_in=given)
    [sent] = service.tokens
    assert (sent["scopes"], sent["experiments"], sent["expires_in_s"]) == (
        ["tell"],
        [str(experiment.exp_uuid)],
        seconds,
    )
    assert "robot  tell" in repr(client.tokens())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scopes": "fly"}, "scopes.0: must be 'read'"),
        ({"scopes": []}, "scopes: "),
        ({"scopes": "read", "expires_in": "1 year"}, "'1 year' is no duration"),
        ({"scopes": "read", "expires_in": 30}, "30 is no duration"),
        ({"scopes": "read", "experiments": "mine"}, "experiments.0: "),
    ],
)
def test_token_that_is_not_valid_is_not_made(client, service, arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        client.new_token("robot", **arguments)
    assert service.n_calls("POST /auth/tokens") == 0


def test_new_token_is_asked_for_once_even_if_its_reply_is_lost(client, service):
    service.lose("POST /auth/tokens")
    with pytest.raises(ConnectionFailedError):
        client.new_token("robot", "read")
    assert len(service.tokens) == 1


def test_token_is_revoked_by_name_by_uuid_and_by_itself(client, service):
    for named in (lambda one: "robot", lambda one: str(one.token_uuid), lambda one: one):
        made = client.new_token("robot", "read")
        client.revoke_token(named(made))
        assert service.tokens == []


def test_revoking_a_name_that_is_none_or_two_changes_nothing(client, service):
    client.new_token("robot", "read")
    client.new_token("robot", "tell")
    with pytest.raises(InvalidInputError, match="2 tokens are named 'robot'\nname one by its uuid"):
        client.revoke_token("robot")
    with pytest.raises(InvalidInputError, match="you have no token 'rover'\nyour tokens are robot, robot"):
        client.revoke_token("rover")
    assert len(service.tokens) == 2


def test_client_with_a_token_for_automation_says_why_it_is_refused(service):
    service.holding.add(SECRET)
    client = service.client(credentials=Credentials(token=SecretStr(SECRET)))
    service.holding.clear()
    service.trouble("GET /experiment/all", problem(401, "unauthenticated", "the token was revoked"))
    with pytest.raises(UnauthenticatedError, match="the token was revoked"):
        client.list()
    assert service.n_calls("POST /auth/refresh") == service.n_calls("POST /auth/token") == 0


def test_group_gets_and_loses_people(client, service):
    group = client.new_group("oven")
    assert group.add("ada@lab.test").emails == ["ada@lab.test"]
    assert repr(client.groups()).endswith(f"oven  {ME}  ada@lab.test")
    assert group.remove("ada@lab.test").emails == []
    group.delete()
    assert service.groups == {}
    assert repr(client.groups()) == "You own no group, and are in none."


def test_group_takes_no_person_without_an_address(client):
    with pytest.raises(InvalidInputError, match="email: must be a mail address"):
        client.new_group("oven").add("ada")


NEW_PASSWORD = "correct and new"


def test_changed_password_is_the_one_that_signs_in_from_then_on(client, service):
    client.new_token("robot", "read")
    client.change_password(PASSWORD, NEW_PASSWORD)
    assert len(service.tokens) == 1
    service.holding.clear()
    service.refresh_tokens.clear()  # the session has ended, however long it was
    client.list()
    assert service.passwords == [PASSWORD, NEW_PASSWORD, NEW_PASSWORD]


def test_change_of_the_password_may_end_all_tokens(client, service):
    client.new_token("robot", "read")
    client.change_password(PASSWORD, NEW_PASSWORD, revoke_tokens=True)
    assert service.tokens == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "says"),
    [
        ("wrong words", NEW_PASSWORD, ServiceError, "old_password: is not your password"),
        (PASSWORD, "short", InvalidInputError, "new_password: "),
    ],
)
def test_password_that_is_refused_is_not_repeated_and_not_used(client, service, old, new, kind, says):
    with pytest.raises(kind, match=says) as caught:
        client.change_password(old, new)
    assert old not in str(caught.value)
    assert new not in str(caught.value)
    service.holding.clear()
    service.refresh_tokens.clear()
    client.list()
    assert service.passwords == [PASSWORD, PASSWORD]


def test_log_out_ends_the_session_and_closes_the_client(client, service):
    client.log_out()
    assert not service.has_session
    assert client.connection.is_closed


async def test_async_client_has_the_same_calls(service, monkeypatch):
    pool = httpx2.AsyncClient(base_url=URL, transport=httpx2.MockTransport(service.handle))
    monkeypatch.setattr("autotune.transport.http.open_async_http", lambda _url: pool)
    client = await autotune.aconnect(URL, username=ME, password=PASSWORD)
    experiment = await client.new("brownies", SPACE)
    assert (await experiment.share("ada@lab.test", "viewer")).role == "owner"
    assert [member.email for member in await experiment.unshare("ada@lab.test")] == [ME]
    assert len(await experiment.audit()) == len(await client.audit()) == 1
    group = await client.new_group("oven")
    assert (await group.add("ada@lab.test")).emails == ["ada@lab.test"]
    assert [one.name for one in await client.groups()] == ["oven"]
    await group.delete()
    made = await client.new_token("robot", "read")
    assert [one.name for one in await client.tokens()] == ["robot"]
    await client.revoke_token(made)
    await client.change_password(PASSWORD, NEW_PASSWORD)
    assert service.passwords[-1] == NEW_PASSWORD
    await experiment.close()
    await experiment.delete("brownies")
    await client.log_out()
    assert (service.tokens, service.groups, service.experiments, service.has_session) == ([], {}, {}, False)

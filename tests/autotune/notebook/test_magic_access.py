"""The commands about people: ``share``, ``members``, ``transfer``, ``group``, ``token``, ``audit``, ``logout``."""

import stat

import httpx2
import pytest
from fake_access import SECRET, PeopleService
from fake_service import PASSWORD, problem
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

NEW_PASSWORD = "correct and new"


@pytest.fixture
def service() -> PeopleService:
    return PeopleService()


@pytest.fixture
def brownies(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run("new brownies space")


@pytest.fixture
def offered(shell):
    def complete(text):
        with provisionalcompleter():
            return [text[: one.start] + one.text for one in shell.Completer.completions(text, len(text))]

    return complete


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("share ada@lab.test", "viewer"),
        ("share ada@lab.test --role teller", "teller"),
        ("share --role=editor $who", "editor"),
    ],
)
def test_share_shows_who_may_do_what(run, shell, brownies, service, line, role):
    shell.user_ns["who"] = "ada@lab.test"
    assert f"ada@lab.test  {role}" in repr(run(line))
    assert service.members == {"ada@lab.test": role}
    assert repr(run("members")) == repr(brownies.members())
    run("unshare ada@lab.test")
    assert service.members == {}


def test_group_is_made_and_shared_with(run, brownies, service, capsys):
    run("group new 'my lab'")
    run("group add 'my lab' ada@lab.test")
    run("share my lab --role teller")
    assert service.members == {"group my lab": "teller"}
    assert "my lab  a@b.c  ada@lab.test" in repr(run("group list"))
    assert run("group remove 'my lab' ada@lab.test").emails == []
    run("group delete 'my lab'")
    assert capsys.readouterr().out.endswith("deleted the group my lab\n")
    assert service.groups == {}


def test_transfer_and_audit(run, brownies):
    run("transfer ada@lab.test")
    assert "transferred: email ada@lab.test" in repr(run("audit"))
    for line in ("audit -n 1", "audit --mine", "audit --everybody"):
        assert [deed.action for deed in run(line)] == ["transferred"]


def test_new_token_goes_into_a_file_and_nowhere_else(cell, shell, brownies, service, tmp_path):
    shown, is_right = cell("%autotune token new robot --scopes read, tell --experiments brownies --to robot.token")
    assert is_right
    assert "the secret of the new token robot is in robot.token" in shown
    file = tmp_path / "robot.token"
    assert file.read_text() == f"{SECRET}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [sent] = service.tokens
    assert (sent["scopes"], sent["experiments"]) == (["read", "tell"], [str(brownies.exp_uuid)])
    listed, _ = cell("%autotune token list")
    assert "robot  read, tell" in listed
    assert SECRET not in f"{shown}{listed}{shell.user_ns['Out']}{shell.user_ns['_']}"


def test_token_is_revoked_by_its_name(run, brownies, service, capsys):
    run("token new robot --scopes read --expires 30d --to 'my robot.token'")
    assert service.tokens[0]["expires_in_s"] == 30 * 86_400
    run("token revoke robot")
    assert service.tokens == []
    assert "revoked the token robot" in capsys.readouterr().out


@pytest.fixture
def types(shell, monkeypatch):
    """Lets the user type these texts where a password is asked for."""

    def type_(*texts):
        session = shell.magics_manager.registry["AutotuneMagics"].session
        monkeypatch.setattr(session, "_ask_secret", lambda _prompt: typed.pop(0))
        typed = [*texts]

    return type_


@pytest.mark.parametrize(("option", "n_tokens"), [("", 1), (" --revoke-tokens", 0)])
def test_password_is_typed_and_in_no_output(cell, brownies, service, types, option, n_tokens):
    cell("%autotune token new robot --scopes read --to robot.token")
    types(PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    shown, is_right = cell(f"%autotune password{option}")
    assert is_right
    assert shown.startswith("the password is changed: everywhere else you are signed out")
    assert (service.passwords[-1], len(service.tokens)) == (NEW_PASSWORD, n_tokens)
    assert NEW_PASSWORD not in shown


def test_password_that_is_not_typed_twice_the_same_is_not_changed(cell, brownies, service, types):
    types(PASSWORD, NEW_PASSWORD, f"{NEW_PASSWORD}!")
    shown, is_right = cell("%autotune password")
    assert (is_right, "not typed twice the same" in shown) == (False, True)
    assert service.n_calls("POST /user/password") == 0


def test_logout_ends_the_session_and_forgets_the_experiment(run, brownies, service):
    run("logout")
    assert not service.has_session
    with pytest.raises(UsageError, match="no experiment in use"):
        run("members")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("share", "the mail address or the group is missing: %autotune share EMAIL_OR_GROUP"),
        ("share ada@lab.test --role king", "--role cannot be 'king'\nwrite one of viewer, teller, editor"),
        ("share ada@", "this share is not valid:\n  email: must be a mail address"),
        ("unshare", "the mail address or the group is missing"),
        ("members now", "this command takes no arguments"),
        ("transfer", "the mail address is missing: %autotune transfer EMAIL"),
        ("transfer lab", "email: must be a mail address"),
        ("group", "a word is missing: %autotune group list"),
        ("group ad lab", "%autotune group has no 'ad'; did you mean add\\?\nwrite one of list, new"),
        ("group new", "the name is missing"),
        ("group add lab a@b.c", "there is no group 'lab'\n`%autotune group list` shows your groups"),
        ("group list all", "'all' is not expected here"),
        ("token", "a word is missing: %autotune token new"),
        ("token make x", "%autotune token has no 'make'\nwrite one of new, list, revoke"),
        ("token new x --to t", "--scopes, what the token may do, is missing"),
        ("token new x --scopes read", "--to, the file that gets the secret, is missing"),
        ("token new x --scopes fly --to t", "scopes.0: must be 'read', 'tell', 'write' or 'admin'"),
        ("token new x --scopes read --expires soon --to t", "'soon' is no duration\nwrite it as"),
        ("token new x --scopes read --to no/t", "no/t cannot be written: No such file or directory\nno token was made"),
        ("token new x --scopes read --to taken", "taken exists already\nchoose another name"),
        ("token list --to t", "token list takes no --to"),
        ("token revoke", "the name is missing"),
        ("token revoke x", "you have no token 'x'\nyour tokens are none"),
        ("audit all", "this command takes no arguments"),
        ("audit -n many", "many"),
        ("logout now", "this command takes no arguments"),
    ],
)
def test_wrong_use_is_said_in_a_line_or_two_and_makes_no_token(run, brownies, service, tmp_path, line, message):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=message):
        run(line)
    assert service.tokens == []
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir() if file.is_file()] == [("taken", "mine")]


@pytest.mark.parametrize("line", ["share ada@lab.test", "members", "token list", "group list", "audit --mine"])
def test_service_that_is_gone_is_named_with_what_to_do(cell, brownies, service, line):
    for method in ("GET", "POST"):
        service.trouble(f"{method} /", *[httpx2.ConnectError("Connection refused")] * 99)
    shown, is_right = cell(f"%autotune {line}")
    assert not is_right
    [error, advice] = [one for one in shown.split("\n") if one and "trying again" not in one][-2:]
    assert error.startswith("ConnectionFailedError: cannot reach the service")
    assert advice.startswith("run the command again once the service is up")
    assert "Traceback" not in shown


def test_token_of_a_service_that_is_gone_leaves_no_file(cell, brownies, service, tmp_path):
    service.trouble("POST /auth/tokens", httpx2.ReadError("cut"))
    shown, is_right = cell("%autotune token new robot --scopes read --to robot.token")
    assert (is_right, (tmp_path / "robot.token").exists()) == (False, False)
    assert "before its reply came" in shown


def test_role_that_is_too_low_says_where_the_roles_are(cell, brownies, service):
    service.trouble("POST /experiment/", problem(403, "forbidden", "you are a viewer: this needs the role owner"))
    shown, is_right = cell("%autotune share ada@lab.test")
    assert not is_right
    assert shown.strip().splitlines()[-2:] == [
        "ForbiddenError: you are a viewer: this needs the role owner (403 forbidden)",
        "`%autotune members` shows who may do what; the owner changes that",
    ]


def test_tab_completes_words_roles_and_options(offered):
    assert offered("%autotune token re") == ["%autotune token revoke"]
    assert offered("%autotune share a@b.c --role t") == ["%autotune share a@b.c --role teller"]
    assert offered("%autotune token new x --sc") == ["%autotune token new x --scopes"]

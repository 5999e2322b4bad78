"""The commands about people: who may do what, tokens for automation, and who did what."""

import re
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from autotune.groups import Group
from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option, unquoted, words
from autotune.notebook.near import did_you_mean
from autotune.views.access import open_secret_file

_ROLES = ("viewer", "teller", "editor")
_TO = "--to"


def _share(call: Call) -> Any:
    who = call.python.text(call.required("the mail address or the group"))
    return call.session.experiment.share(who, call.text("--role") or _ROLES[0])  # type: ignore[arg-type] # the option limits it


def _unshare(call: Call) -> Any:
    return call.session.experiment.unshare(call.python.text(call.required("the mail address or the group")))


def _members(call: Call) -> Any:
    call.nothing()
    return call.session.experiment.members()


def _transfer(call: Call) -> Any:
    return call.session.experiment.transfer(call.python.text(call.required("the mail address")))


def _token(call: Call) -> Any:
    verb, name = _verb_and_name(call, 2)
    if verb != "new" and call.line.given:
        raise UsageError(f"token {verb} takes no {call.line.given[0][0]}\n{call.help()}")
    if verb == "list":
        return call.session.client.tokens()
    if verb == "revoke":
        call.session.client.revoke_token(name)
        call.session.say(f"revoked the token {name}: whatever uses it is refused within seconds\n")
        return None
    return _new_token(call, name)


def _new_token(call: Call, name: str) -> None:
    scopes, file = call.text("--scopes"), call.text(_TO)
    if scopes is None:
        raise call.missing("--scopes, what the token may do,")
    if file is None:
        raise call.missing(f"{_TO}, the file that gets the secret,")
    named = [call.python.text(word) for value in call.line.values("--experiments") for word in words(value)]
    experiments = [call.session.found(unquoted(one)) for one in named] or None
    path = Path(file).expanduser()
    try:
        opened = open_secret_file(path)  # before the token is made: else its secret could be lost
    except FileExistsError:
        raise UsageError(f"{path} exists already\nchoose another name: no file is replaced by a secret") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}\nno token was made") from None
    with opened:
        try:
            made = call.session.client.new_token(
                name, re.split(r"[,\s]+", scopes.strip()), experiments=experiments, expires_in=call.text("--expires")
            )
            made.write(opened)
        except BaseException:
            path.unlink()
            raise
    call.session.say(
        f"the secret of the new token {name} is in {path}, which only you may read, and nowhere else\n"
        f"a program signs in with it by AUTOTUNE_TOKEN=$(cat {path}) in its environment\n"
    )


def _group(call: Call) -> Any:
    verb, name = _verb_and_name(call, 3)
    client = call.session.client
    if verb == "list":
        return client.groups()
    if verb == "new":
        return client.new_group(name)
    group = _own_group(call, name)
    if verb == "delete":
        group.delete()
        call.session.say(f"deleted the group {name}\n")
        return None
    email = call.python.text(unquoted((call.words(3)[2:] or [""])[0]))
    if not email:
        raise call.missing("the mail address")
    return group.add(email) if verb == "add" else group.remove(email)


def _own_group(call: Call, name: str) -> Group:
    groups = {group.name: group for group in call.session.client.groups()}
    if name not in groups:
        near = did_you_mean(name, groups)
        raise UsageError(f"there is no group {name!r}{near}\n`%autotune group list` shows your groups")
    return groups[name]


def _verb_and_name(call: Call, most: int) -> tuple[str, str]:
    """Return the first word of a command that has several, and the name after it, empty for ``list``."""
    verbs = call.command.words
    verb, *others = call.words(most) or [""]
    if verb not in verbs:
        near = did_you_mean(verb, verbs) if verb else ""
        says = f"%autotune {call.command.name} has no {verb!r}{near}" if verb else f"a word is missing: {call.usage()}"
        raise UsageError(f"{says}\nwrite one of {', '.join(verbs)}")
    if verb == "list" and others:
        raise UsageError(f"{others[0]!r} is not expected here: list takes nothing\n{call.help()}")
    if verb != "list" and not others:
        raise call.missing("the name")
    return verb, call.python.text(unquoted(others[0])) if others else ""


def _audit(call: Call) -> Any:
    call.nothing()
    limit = call.count("-n", "the number of entries")
    options = {} if limit is None else {"limit": limit}
    if call.has("--mine") or call.has("--everybody"):
        return call.session.client.audit(everybody=call.has("--everybody"), **options)
    return call.session.experiment.audit(**options)


def _password(call: Call) -> None:
    call.nothing()
    call.session.change_password(revoke_tokens=call.has("--revoke-tokens"))
    ended = ", and your tokens for automation have ended" if call.has("--revoke-tokens") else ""
    call.session.say(f"the password is changed: everywhere else you are signed out{ended}\n")


def _logout(call: Call) -> None:
    call.nothing()
    call.session.client.log_out()
    call.session.close()
    call.session.say("logged out: the session has ended on the service too\n")


_ROBOTS = """\
A robot or a script signs in with a token, as you and without your password.
The secret goes into FILE, which you alone may read, not into the notebook.
SCOPES are read, tell (ask and tell too), write (change experiments too) and
admin (share and make tokens too).

  %autotune token new robot --scopes tell --expires 30d --to robot.token
"""

COMMANDS = (
    Command(
        "share",
        "EMAIL_OR_GROUP [--role ROLE]",
        "let others see, tell or edit it",
        _share,
        (Option("--role", "word", "ROLE", "viewer (if not given), teller or editor", choices=_ROLES),),
        "A viewer sees everything; a teller also asks and tells; an editor also\n"
        "changes the experiment and corrects runs. An address may get its account\n"
        "later. `%autotune group` makes groups.\n",
    ),
    Command("unshare", "EMAIL_OR_GROUP", "take a role away", _unshare),
    Command("members", "", "who may do what", _members),
    Command(
        "transfer",
        "EMAIL",
        "make somebody else the owner",
        _transfer,
        more="They need a role on the experiment before. You become an editor.\n",
    ),
    Command(
        "group",
        "list|new|add|remove|delete NAME",
        "groups of people to share with",
        _group,
        more="add and remove take an address too: %autotune group add lab ada@example.org\n",
        words=("list", "new", "add", "remove", "delete"),
    ),
    Command(
        "token",
        "new|list|revoke NAME [options]",
        "tokens for robots and scripts",
        _token,
        (
            Option("--scopes", "words", "SCOPES", "what it may do, with commas between"),
            Option("--experiments", "words", "NAME ...", "the only experiments that it is for, if not all"),
            Option("--expires", "word", "TIME", "how long it lasts, such as 12h or 30d; if not given, for ever"),
            Option(_TO, "rest", "FILE", "a new file for the secret"),
        ),
        _ROBOTS,
        words=("new", "list", "revoke"),
    ),
    Command(
        "audit",
        "[options]",
        "who did what, for its owner",
        _audit,
        (
            Option("-n", "word", "N", "how many entries, 100 if not given"),
            Option("--mine", "nothing", "", "what you did, and what was done to your account"),
            Option("--everybody", "nothing", "", "what everybody did, for administrators"),
        ),
        "Who shared, transferred or deleted the experiment in use. --mine has your\n"
        "sign-ins too, also refused ones, and whatever was done to your account. Who\n"
        "told each run is in `%autotune history`.\n",
    ),
    Command(
        "password",
        "[--revoke-tokens]",
        "change your password",
        _password,
        (Option("--revoke-tokens", "nothing", "", "your tokens for automation end too"),),
        "It is asked for, and is not in the notebook. Everywhere else you are signed\n"
        "out. Robots that sign in with a token go on, unless you say --revoke-tokens.\n",
    ),
    Command("logout", "", "end your session on the service", _logout),
)

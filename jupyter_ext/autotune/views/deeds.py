"""The entries of an audit in words."""

from string import Formatter
from typing import Any

from autotune_wire.access import AuditEntry

_WORDS = {
    "sign_in_refused": "gave a wrong password for {account}, number {n} within a day",
    "refresh_token_reused": "sent a refresh token of {account} a second time: its session has ended",
    "password_changed": "changed the password",
    "password_set": "set a new password for {account}",
    "password_reset": "set a new password by a code",
    "reset_code_issued": "made a code that resets the password of {account}",
    "invited": "invited {email}",
    "account_created": "made {account}",
    "activated": "opened {account}",
    "deactivated": "closed {account}",
    "admin_given": "made the user of {account} an administrator",
    "admin_taken": "made the user of {account} no administrator any more",
    "account_deleted": "deleted {account} with all data",
    "account_exported": "exported {account}",
    "experiment_deleted": "deleted the experiment {name!r}",
}
"""What is said of an action; of one that is not here, as of a newer service, its name."""


def who_of(entry: AuditEntry) -> str:
    """Return who did something."""
    return entry.by or ("the operator" if entry.way == "command" else "somebody")


def deed_of(entry: AuditEntry, *, is_of_one: bool) -> str:
    """Write what was done.

    Args:
        entry: The entry.
        is_of_one: Whether all entries are about one experiment, so that it need not be named.
    """
    words = _WORDS.get(entry.action, entry.action.replace("_", " "))
    named = {field for _, field, _, _ in Formatter().parse(words) if field is not None}
    known = entry.data | {"account": "their account" if entry.account is None else f"the account {entry.account}"}
    if not named <= known.keys():
        words, named = entry.action.replace("_", " "), set()
    rest = [text for name, value in entry.data.items() if name not in named and (text := _said(name, value))]
    what = words.format_map(known) + (f": {', '.join(rest)}" if rest else "")
    if entry.account is not None and "account" not in named:
        what += f" (account {entry.account})"
    return what if is_of_one or entry.exp_uuid is None else f"{what} (experiment {entry.exp_uuid})"


def _said(name: str, value: Any) -> str:
    """Write a fact about an act, nothing where it is not so."""
    if value is None or value is False or value == 0:
        return ""
    said = name.removeprefix("n_").replace("_", " ")
    return said if value is True else f"{said} {value}"

"""Who may do what, and who did what, shown as text and as HTML tables."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from autotune.views.deeds import deed_of, who_of
from autotune.views.tables import Row, html_table
from autotune_wire import access
from autotune_wire.access import AuditEntry, Member, Role, TokenInfo

_NO_ACCOUNT = "no account yet"


class _Shown:
    """Rows under a header, shown as text and as an HTML table."""

    def _caption(self) -> str:
        raise NotImplementedError

    def _header(self) -> Row:
        raise NotImplementedError

    def _rows(self) -> list[Row]:
        raise NotImplementedError

    def __repr__(self) -> str:
        rows = self._rows()
        return "\n".join([self._caption(), *(_aligned([self._header(), *rows]) if rows else [])])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table(self._caption(), self._rows(), self._header())


class Members(_Shown, list[Member]):
    """All who have a role on an experiment, the owner first.

    Attributes:
        role: The role of the user who asked.
    """

    def __init__(self, members: access.Members, name: str) -> None:
        super().__init__(members.members)
        self.role: Role = members.role
        self._name = name

    def _caption(self) -> str:
        return f"Who may do what with {self._name!r}; you are its {self.role}"

    def _header(self) -> Row:
        return "who", "role", ""

    def _rows(self) -> list[Row]:
        return [
            (
                member.email or f"group {member.group}",
                member.role,
                _NO_ACCOUNT if member.has_account is False else "",
            )
            for member in self
        ]


class Tokens(_Shown, list[TokenInfo]):
    """A user's tokens for automation, newest first, without their secrets."""

    def _caption(self) -> str:
        return "Tokens for automation" if self else "There are no tokens for automation."

    def _header(self) -> Row:
        return "name", "may", "experiments", "expires", "last used", "token_uuid"

    def _rows(self) -> list[Row]:
        return [(token.name, *_token_texts(token), str(token.token_uuid)) for token in self]


class NewToken(TokenInfo):
    """A new token for automation. The service shows its secret this once; no repr of this object does.

    Attributes:
        token: The secret, wrapped.
    """

    token: SecretStr

    def secret(self) -> str:
        """Return the secret itself. A notebook shows and saves the last value of a cell: assign it, or use ``save``."""
        return self.token.get_secret_value()

    def save(self, path: str | Path) -> Path:
        """Write the secret alone to a new file that nobody else may read, and return the path.

        Raises:
            FileExistsError: If the file exists already.
        """
        with open_secret_file(Path(path)) as file:
            self.write(file)
        return Path(path)

    def write(self, file: TextIO) -> None:
        """Write the secret to an open file."""
        file.write(f"{self.secret()}\n")

    def __repr__(self) -> str:
        may, experiments, expires, _used = _token_texts(self)
        return (
            f"NewToken({self.name!r}, may {may}, {experiments}, expires {expires}; "
            ".save(FILE) or .secret() has the secret, this once)"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        may, experiments, expires, _used = _token_texts(self)
        rows = [("may", may), ("experiments", experiments), ("expires", expires)]
        secret = ("secret", "not shown: .save(FILE) writes it, .secret() returns it, this once")
        return html_table(f"New token {self.name!r}", [*rows, secret, ("token_uuid", str(self.token_uuid))])


class Audit(_Shown, list[AuditEntry]):
    """Who did what from where, newest first; ``name`` is the experiment's, if it is the audit of one."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self._name = name

    def _caption(self) -> str:
        of = "" if self._name is None else f" with {self._name!r}"
        return f"Who did what{of}, newest first" if self else f"Nothing is in the audit{of.replace('with', 'of')}."

    def _header(self) -> Row:
        return "when", "who", "signed in by", "from", "what"

    def _rows(self) -> list[Row]:
        return [
            (
                _moment(entry.at),
                who_of(entry),
                "" if entry.way == "none" else entry.way,
                entry.address or "",
                deed_of(entry, is_of_one=self._name is not None),
            )
            for entry in self
        ]


def group_rows(groups: Iterable[access.Group]) -> list[Row]:
    """Return the rows of a table of groups: name, owner and people."""
    return [(group.name, group.owner, ", ".join(group.emails) or "nobody yet") for group in groups]


def group_table(groups: Sequence[access.Group]) -> str:
    """Write groups as an HTML table."""
    return html_table("Groups", group_rows(groups), ("name", "owner", "people"))


def group_text(groups: Sequence[access.Group]) -> str:
    """Write groups as a table of text."""
    if not groups:
        return "You own no group, and are in none."
    return "\n".join(["Groups", *_aligned([("name", "owner", "people"), *group_rows(groups)])])


def open_secret_file(path: Path) -> TextIO:
    """Open a new file that only its owner may read and write.

    Raises:
        FileExistsError: If the file exists already.
    """
    # With mode "x" the file is new, so that its rights are these and nobody had it open before.
    return open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def _token_texts(token: TokenInfo) -> tuple[str, str, str, str]:
    experiments = "all" if token.experiments is None else ", ".join(map(str, token.experiments))
    used = "never" if token.time_last_used is None else _moment(token.time_last_used)
    expires = "never" if token.time_expires is None else _moment(token.time_expires)
    return ", ".join(token.scopes), experiments, expires, used


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]

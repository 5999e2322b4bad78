"""The address of a database: the one place that reads its URL, in the form that Postgres' own programs take.

Parameters that Postgres' programs know are checked here. A parameter that they do not know is a setting of the server,
such as ``work_mem``, and the server says if it does not know the setting.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

_URL = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_DEFAULT_PORT = 5432
_SEARCHED = "/run/postgresql,/var/run/postgresql,/tmp,localhost"
_FORM = "must start with postgresql://, as in postgresql://user:password@host:5432/name"
_PORT = "must have a port from 0 to 65535, or none, after each host"
_BRACKETS = "must have an IPv6 address between two brackets, as in [::1]:5432, and no other brackets in a host"
_ENCODED = (
    "cannot be read: a character such as / ? # @ or % in the user, the password or another part must be written as %2F "
    "%3F %23 %40 or %25"
)
_VARIABLES = {
    "user": "PGUSER",
    "password": "PGPASSWORD",  # pragma: allowlist secret -- the name of a variable
    "dbname": "PGDATABASE",
    "port": "PGPORT",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "servicefile": "PGSERVICEFILE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "require_auth": "PGREQUIREAUTH",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "application_name": "PGAPPNAME",
}
"""The parameters that Postgres' programs take from the environment, too."""
_NUMBERS = {
    "connect_timeout": 999_999_999,
    "keepalives": 999_999_999,
    "keepalives_idle": 32_767,
    "keepalives_interval": 32_767,
    "keepalives_count": 127,
    "tcp_user_timeout": 999_999_999,
}
"""The parameters that are whole numbers, and the most that Linux takes for each."""
_FOR_ASYNCPG = (
    "passfile",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "krbsrvname",
    "gsslib",
    "service",
)
"""The parameters that asyncpg reads from a URL."""
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "primary"),  # AutoTune writes, so a standby is of no use
    "channel_binding": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "gssencmode": ("disable", "prefer"),
    "sslcertmode": ("disable", "allow"),
    "replication": ("false", "off", "no", "0"),
    "client_encoding": ("UTF8", "utf8", "UTF-8", "utf-8", "auto"),
}
_WITHOUT_EFFECT = (
    "fallback_application_name",
    "sslcompression",
    "sslsni",
    "gssdelegation",
    "min_protocol_version",
    "max_protocol_version",
)
_UNUSABLE = ("requirepeer", "sslcrldir", "sslkeylogfile", "scram_client_key", "scram_server_key")
_KNOWN = {
    *_VARIABLES, *_NUMBERS, *_FOR_ASYNCPG, *_CHOICES, *_WITHOUT_EFFECT, *_UNUSABLE, "options",
}  # fmt: skip


class UrlError(ValueError):
    """A URL cannot be used; the message says why, begins with its verb and shows neither password nor URL."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server's name or the folder of its socket, and its port; None stands for PGPORT or 5432."""

    name: str
    port: int | None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.number}"

    @property
    def number(self) -> int:
        """The port as it is connected to."""
        given = os.environ.get("PGPORT", "")
        return self.port if self.port is not None else int(given) if given.isdecimal() else _DEFAULT_PORT

    @property
    def is_socket(self) -> bool:
        """Whether the server is reached by a Unix socket."""
        return self.name.startswith("/")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and how to connect to it.

    Args:
        hosts: The servers to try, in this order; none for Postgres' usual places on this machine.
        parameters: What the URL says besides, by the names of Postgres' programs.
        settings: Settings of the server for each session.
        source: Where the URL stands, for messages.
    """

    hosts: tuple[Host, ...]
    parameters: Mapping[str, str] = field(repr=False)
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    source: str = "the database's URL"

    @classmethod
    def of(cls, url: str, source: str = source) -> "Address":
        """Read a URL.

        Args:
            url: The URL.
            source: Where it stands, such as the name of a variable, for messages.

        Raises:
            UrlError: If the URL cannot be used.
        """
        parts = _URL.fullmatch(url)
        if parts is None:
            raise UrlError(_FORM)
        if _is_cut(parts["database"] or "", parts["query"] or ""):
            raise UrlError(_ENCODED)
        login, _, servers = parts["authority"].rpartition("@")
        given = _query_of(parts["query"] or "")
        hosts = _hosts_of(given, servers)
        user, _, password = login.partition(":")
        own = {"user": user, "password": password, "dbname": parts["database"] or ""}
        given = {name: unquote(value) for name, value in own.items() if value} | given
        _check(given)
        if len(hosts) > 1:
            given.setdefault("target_session_attrs", "read-write")
        known = {name: value for name, value in given.items() if name in _KNOWN}
        return cls(hosts, known, {name: value for name, value in given.items() if name not in _KNOWN}, source)

    def __str__(self) -> str:
        return ", ".join(map(str, self.hosts)) or os.environ.get("PGHOST") or "the local socket"

    @property
    def user(self) -> str:
        """The user, for messages."""
        return self.parameters.get("user") or os.environ.get("PGUSER") or "of this process"

    @property
    def database(self) -> str:
        """The database's name, for messages."""
        return self.parameters.get("dbname") or os.environ.get("PGDATABASE") or self.user

    @property
    def requires_tls(self) -> bool:
        """Whether a connection without TLS is not wanted."""
        return self.parameters.get("sslmode") in {"require", "verify-ca", "verify-full"}

    @property
    def connect_timeout_s(self) -> float | None:
        """How long one server may take to answer; None if the URL sets no limit."""
        seconds = int(self.parameters.get("connect_timeout", "0"))
        return seconds if seconds > 0 else None

    @property
    def warnings(self) -> list[str]:
        """What the URL asks for and is not done, in sentences."""
        asked = [
            f"{name}={self.parameters[name]}"
            for name in ("channel_binding", "require_auth")
            if self.parameters.get(name) not in {None, "disable", "prefer"}
        ]
        return [
            f"{self.source} asks for {text}, which AutoTune's driver cannot enforce: connections are made without "
            "it; sslmode=verify-full makes sure that the server is the right one"
            for text in asked
        ]

    def arguments(self, host: Host | None) -> dict[str, Any]:
        """Build asyncpg's arguments for a connection to one of the hosts, or to the usual places if there is none."""
        given = self.parameters
        arguments: dict[str, Any] = {
            "dsn": f"postgresql://?{urlencode({name: given[name] for name in _FOR_ASYNCPG if name in given})}",
            "host": None if host is None else [host.name],
            "port": int(given["port"]) if "port" in given else None if host is None else [host.number],
            "user": given.get("user"),
            "password": given.get("password"),
            "database": given.get("dbname"),
            "target_session_attrs": given.get("target_session_attrs"),
        }
        if "servicefile" in given:
            arguments["servicefile"] = given["servicefile"]
        if "options" in given:
            arguments["server_settings"] = {"options": given["options"]}
        return arguments

    def environment(self) -> dict[str, str]:
        """Build the variables by which Postgres' own programs find the same database."""
        variables = {_VARIABLES[name]: value for name, value in self.parameters.items() if name in _VARIABLES}
        if self.hosts:
            variables["PGHOST"] = ",".join(host.name for host in self.hosts)
        if any(host.port is not None for host in self.hosts):
            variables["PGPORT"] = ",".join(str(host.number) for host in self.hosts)
        options = [self.parameters["options"]] if "options" in self.parameters else []
        options += [f"-c {name}={_escaped(value)}" for name, value in self.settings.items()]
        if options:
            variables["PGOPTIONS"] = " ".join(options)
        if not self.hosts and "service" not in self.parameters and not {"PGSERVICE", "PGHOST"} & os.environ.keys():
            variables["PGHOST"] = _SEARCHED
        return variables


def _is_cut(database: str, query: str) -> bool:
    """Return whether an @ stands where a character of the password may have ended the part with the login.

    Then parts of a password stand where a host, a port or a parameter is expected, and would be shown.
    """
    named = {*_KNOWN, "database", "host", "hostaddr"}
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "@" in database or any("@" in f"{name}{value}" and name not in named for name, _, value in pairs)


def _query_of(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, sign, value = pair.partition("=")
        name = unquote(name)
        if not sign or _NAME.fullmatch(name) is None:
            raise UrlError("must have parameters of the form name=value, separated by &, after the ?")
        if value:
            given["dbname" if name == "database" else name] = unquote(value)
    if given.pop("ssl", "") in {"true", "require"} or given.pop("requiressl", "") == "1":
        given.setdefault("sslmode", "require")
    return given


def _hosts_of(given: dict[str, str], servers: str) -> tuple[Host, ...]:
    """Read the hosts; those of the parameters come before those in front of the path, as in Postgres' programs."""
    if "hostaddr" in given and (given.get("host") or servers) and given.get("sslmode") == "verify-full":
        raise UrlError(
            "has hostaddr beside a host with sslmode=verify-full, and AutoTune's driver would look for the address in "
            "the server's certificate: leave hostaddr out"
        )
    named, ports = given.pop("hostaddr", given.get("host")), given.pop("port", None)
    given.pop("host", None)
    hosts = [_host_of(text) for text in (named or servers).split(",")] if named or servers else []
    if ports is not None:
        numbers = [_port_of(text) for text in ports.split(",")]
        if len(numbers) not in {1, len(hosts)}:
            raise UrlError(f"names {len(hosts)} hosts and {len(numbers)} ports: give one port, or one for each host")
        if not hosts:
            given["port"] = ports  # of the usual places
        numbers = numbers * len(hosts) if len(numbers) == 1 else numbers
        hosts = [Host(host.name, host.port or port) for host, port in zip(hosts, numbers, strict=True)]
    return tuple(hosts)


def _host_of(text: str) -> Host:
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(.*))?", text)
    if bracketed is not None:
        return Host(_name_of(bracketed[1]), _port_of(bracketed[2] or ""))
    name, _, port = (text, "", "") if text.startswith("/") or text.count(":") > 1 else text.partition(":")
    if not name:
        raise UrlError("must have a name for each host between the commas")
    return Host(_name_of(name), _port_of(port))


def _name_of(text: str) -> str:
    name = unquote(text)
    if not name.startswith("/") and set("[]") & set(name):
        raise UrlError(_BRACKETS)
    return name


def _port_of(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise UrlError(_PORT)
    return int(text)


def _check(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name in _CHOICES and value not in _CHOICES[name]:
            allowed = ", ".join(_CHOICES[name])
            raise UrlError(f"has {name}={value!r}, and AutoTune can use only: {allowed}")
        if name in _UNUSABLE or name.startswith("oauth_"):
            raise UrlError(f"has the parameter {name}, which AutoTune's driver cannot use: leave it out")
        if name in _NUMBERS and (re.fullmatch(r"-?[0-9]{1,9}", value) is None or int(value) > _NUMBERS[name]):
            raise UrlError(f"has {name}={value!r}, which must be a whole number of at most {_NUMBERS[name]}")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")

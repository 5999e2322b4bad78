"""The settings, read from options and ``AUTOTUNE_*`` variables and validated once, at the start."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from autotune_service.security.secret_files import SecretFileError, secrets_of_files
from autotune_service.security.secrets import MIN_BYTES, weakness_of_password, weakness_of_secret
from autotune_service.store.server.address import Address
from autotune_service.web.hosts import Hosts
from autotune_service.web.proxies import Network, network_of
from autotune_wire.accounts import MIN_PASSWORD_LENGTH
from autotune_wire.observations import MAX_TELL
from autotune_wire.problems import field_problems
from autotune_wire.reports import MAX_ALL_REPORTS

DEV_EMAIL = "test@test.com"
DEV_PASSWORD = "CHANGEME"
GRACE_S = 5.0
"""How long requests under way may still take when the service stops."""
HOW_TO_MAKE_A_SECRET = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
PREFIX = "AUTOTUNE_"
_LEAST_ALONE = 15
_DATA_OF_ROOT = Path("/var/lib/autotune")


class SettingsError(Exception):
    """A variable or option has a value that is not allowed; the message says which one, and what is allowed."""


def _default_data() -> Path:
    # Root's home is closed to the user that Postgres runs as, and is no place for a service's data.
    try:
        data = user_data_path("autotune", appauthor=False)
    except RuntimeError:
        raise SettingsError("AUTOTUNE_DATA must be given, or --data: this user has no home folder") from None
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return _DATA_OF_ROOT if is_root and not (data / "postgres" / "PG_VERSION").exists() else data


def address_of(host: str, port: int) -> str:
    """Return host and port as they stand in a URL; an IPv6 address needs brackets there."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parts_of(given: Any) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else map(str, given)
    return [part.strip().lower() for part in parts if part.strip()]


def weakness_of_database(url: SecretStr | None) -> str | None:
    """Return what makes the password of a database's URL weak; None where it is strong, or there is none."""
    if url is None:
        return None
    address = Address.of(url.get_secret_value())
    password = address.parameters.get("password") or os.environ.get("PGPASSWORD")
    return weakness_of_password(password, address.user) if password else None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Settings(BaseSettings):
    """All settings, with their defaults.

    Each is an option of a command, or else the variable ``AUTOTUNE_<NAME>``. A secret may also stand in a file that the
    variable ``AUTOTUNE_<NAME>_FILE`` names.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    mode: Literal["dev", "prod"] = Field(
        default="dev", description="dev has the user test@test.com and creates its own secret; prod has neither."
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8008, description="The port; 0 takes a free one.")
    data: Path = Field(
        default_factory=_default_data,
        description="The folder of the embedded Postgres and of the dev secret.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="The Postgres to use, postgresql://user:password@host:5432/name; by default an embedded Postgres.",
    )
    database_direct_url: SecretStr | None = Field(
        default=None,
        description="A way to the same Postgres past a pooler, for listening, migrations and backups. Needed only if "
        "database_url leads to a pooler that gives each transaction another session.",
    )
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = Field(
        default=10,
        description="How many connections to the database a process opens at most, but for those that listen.",
    )
    database_timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=3.0, description="How long a request waits for a connection, and how long a statement may take."
    )
    secret: SecretStr | None = Field(
        default=None, description=f"Signs tokens and cookies; at least {MIN_BYTES} bytes. Required in prod."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The names under which the service is reached, separated by commas, as in tune.example.org,*.lab. "
        "Requests to other names are refused. By default localhost and the address that is listened on.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks, separated by commas, of the proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed. By default none.",
    )
    plain_http: bool = Field(
        default=False,
        description="Prod mode for a network without TLS: cookies are sent over plain http, and browsers are not told "
        "to keep to https. Everybody on the network can then read passwords and tokens.",
    )
    secret_before: SecretStr | None = Field(
        default=None,
        description="The secret before this one, while what it signed is still valid: nobody is signed out when a "
        "secret is replaced. Take it away after 14 days, the life of a cookie.",
    )
    basic_auth: bool = Field(
        default=False, description="Take Basic authentication on the whole API, for programs that know nothing else."
    )
    access_token_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        default=900, description="How long an access token is valid, in seconds."
    )
    refresh_token_s: Annotated[int, Field(ge=3600, le=31_536_000)] = Field(
        default=30 * 86_400, description="How long a program may go on without signing in anew, in seconds."
    )
    sign_up: Literal["open", "invitation", "closed"] | None = Field(
        default=None,
        description="Who may sign up: anybody, who has an admin's invitation, or nobody. By default open in dev mode "
        "and closed in prod, where `autotune user add` makes accounts.",
    )
    password_length: Annotated[int, Field(ge=MIN_PASSWORD_LENGTH, le=64)] | None = Field(
        default=None,
        description=f"The least length of a new password. By default {MIN_PASSWORD_LENGTH} in dev mode and 15 in prod.",
    )
    sign_in_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10,
        description="How many sign-ins may fail, or sign-ups be made, from one address before it must wait.",
    )
    sign_in_forget_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=10.0, description="After how many seconds one of them is forgotten."
    )
    sign_in_pause_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=3.0, description="How long an address waits the first time; each further wait is twice as long."
    )
    sign_in_longest_pause_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=900.0, description="How long an address waits at most."
    )
    worker: bool = Field(default=True, description="Run the engine inside `autotune serve`.")
    engine_processes: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2,
        description="How many engine processes work at a time. Of several, one does short work alone, so that one "
        "user's long computation does not keep another waiting; it starts when the others are busy.",
    )
    engine_deadline_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=120.0, description="How long one engine run may take before its process is replaced."
    )
    ask_wait_s: Annotated[float, Field(ge=0, le=60)] = Field(
        default=20.0, description="How long an ask waits for the running computation."
    )
    sockets_per_user: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=100, description="How many websockets a user may have open at a time in a process."
    )
    requests_per_user: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=500,
        description="How many requests a user may have in flight at a time in a process. Half as many as "
        "database_pool_size are worked on, and the others wait for their turn.",
    )
    waiting_per_user: Annotated[int, Field(ge=1)] = Field(
        default=250, description="How many requests of a user may wait for the engine at a time in a process."
    )
    questions_per_user: Annotated[int, Field(ge=1)] = Field(
        default=100,
        description="How many predictions, insights and asks with fixed values of a user may wait to be computed.",
    )
    bytes_per_user: Annotated[int, Field(ge=1024 * 1024)] = Field(
        default=2 * 2**30, description="How many bytes the experiments of a user may take, by their rows and events."
    )
    answers_per_user: Annotated[int, Field(ge=1)] = Field(
        default=1_000_000,
        description="How many replies to requests with an Idempotency-Key are kept for a user in a day.",
    )
    answer_bytes_per_user: Annotated[int, Field(ge=1024 * 1024)] = Field(
        default=2**30, description="How many bytes these replies may take."
    )
    space_revisions: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=200, description="How many revisions the space of an experiment may have."
    )
    ping_s: Annotated[float, Field(gt=0, le=300)] = Field(
        default=20.0, description="How often the peer of a websocket is pinged."
    )
    silent_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=45.0, description="How long a peer may leave pings unanswered before its websocket is closed."
    )
    max_experiments: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="How many experiments a user may have."
    )
    max_observations: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=100_000, description="How many observations an experiment may have."
    )
    max_reports: Annotated[int, Field(ge=1, le=MAX_ALL_REPORTS)] = Field(
        default=50_000, description="How many steps the runs of an experiment may report, all runs together."
    )
    max_batch: Annotated[int, Field(ge=1, le=MAX_TELL)] = Field(
        default=MAX_TELL, description="How many observations one tell may bring."
    )
    max_waiting: Annotated[int, Field(ge=1)] = Field(
        default=1000,
        description="How many requests, and how many questions, may wait for the engine at a time. A request beyond "
        "that gets a 503 at once.",
    )
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**30)] = Field(
        default=1024 * 1024, description="How long the body of a request may be, in bytes."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is logged: lines of this level and of those above it."
    )
    log_format: Literal["json", "text"] | None = Field(
        default=None,
        description="json is one object per line. By default text on a terminal in dev mode, else json.",
    )
    metrics: bool | None = Field(
        default=None, description="Serve /metrics on the API's port, without login. By default only in dev mode."
    )
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Serve /metrics on this port too. By default there is no such port."
    )
    metrics_host: str = Field(default="127.0.0.1", description="The address to listen on for metrics_port.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from, the first of them first."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @field_validator("data")
    @classmethod
    def _is_expanded(cls, data: Path) -> Path:
        try:
            return data.expanduser()  # no shell has seen the ~ of a .env file
        except RuntimeError:
            raise ValueError(
                "~ stands for a home folder, and this user has none: give the folder's full path"
            ) from None

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            Address.of(url.get_secret_value())
        return url

    @field_validator("secret", "secret_before")
    @classmethod
    def _is_strong(cls, secret: SecretStr | None) -> SecretStr | None:
        weakness = None if secret is None else weakness_of_secret(secret.get_secret_value())
        if weakness is not None:
            raise ValueError(
                f"must be at least {MIN_BYTES} random bytes, and this one is {weakness}; make one with: "
                f"{HOW_TO_MAKE_A_SECRET}"
            )
        return secret

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _are_hosts(cls, given: Any) -> Any:
        names = _parts_of(given)
        Hosts(names)
        return names

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _are_networks(cls, given: Any) -> Any:
        return [network_of(part) for part in _parts_of(given)]

    @property
    def is_https(self) -> bool:
        """Return whether browsers reach the service over HTTPS alone."""
        return self.mode == "prod" and not self.plain_http

    @property
    def sign_up_mode(self) -> Literal["open", "invitation", "closed"]:
        """Return who may sign up."""
        return self.sign_up or ("open" if self.mode == "dev" else "closed")

    @property
    def least_password(self) -> int:
        """Return the least length of a new password; NIST SP 800-63B-4 asks for 15 where nothing but it is needed."""
        return self.password_length or (MIN_PASSWORD_LENGTH if self.mode == "dev" else _LEAST_ALONE)

    @property
    def has_metrics(self) -> bool:
        """Return whether the API's port serves /metrics."""
        return self.mode == "dev" if self.metrics is None else self.metrics

    @model_validator(mode="after")
    def _prod_is_complete(self) -> Self:
        if self.mode == "prod" and self.secret is None:
            raise ValueError("AUTOTUNE_SECRET must be given if AUTOTUNE_MODE is prod")
        for name in ("database_url", "database_direct_url") if self.mode == "prod" else ():
            weakness = weakness_of_database(getattr(self, name))
            if weakness is not None:
                raise ValueError(
                    f"AUTOTUNE_{name.upper()} must have a password that cannot be guessed if AUTOTUNE_MODE is prod, "
                    f"and this one is {weakness}; make one with: {HOW_TO_MAKE_A_SECRET}"
                )
        return self


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets that stand in files of their own, as containers get them."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: the files are read together."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets by the names of their settings."""
        return {name: secret for name, (_, secret) in secrets_of_files(SECRET_SETTINGS, os.environ, PREFIX).items()}


SECRET_SETTINGS = tuple(
    name
    for name, field in Settings.model_fields.items()
    if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
)
"""The settings whose values no message repeats, and which may stand in files."""


def load_settings(**options: Any) -> Settings:
    """Read the settings; an option that is neither None nor empty overrides its variable.

    Raises:
        SettingsError: If a value is not allowed. The message does not repeat secrets.
    """
    try:
        return Settings(**{name: value for name, value in options.items() if value not in (None, "")})
    except SecretFileError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        lines = []
        for problem in field_problems(error):
            if not problem.field:
                lines.append(problem.message)
                continue
            given = "" if problem.field in SECRET_SETTINGS else f" is {problem.value!r}:"
            lines.append(f"{PREFIX}{problem.field.upper()}{given} {problem.message}")
        raise SettingsError("\n".join(lines)) from None

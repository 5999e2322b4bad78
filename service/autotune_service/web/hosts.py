"""The names of this service: requests that were sent to another name are refused, and pages of another are no own ones.

A page of a foreign name whose DNS entry was changed to this machine's address counts as one of the same origin for the
browser. Only the name in its requests gives it away.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import psutil
from quart import Quart, Request, Response, Websocket, current_app, has_request_context, request, websocket
from quart.wrappers import BaseRequestWebsocket
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.routing import MapAdapter

from autotune_service.web.proxies import scheme_of
from autotune_wire import paths

LOOPBACK_NAMES = ("localhost", "*.localhost", "127.0.0.1", "::1")
"""They always mean the machine itself (RFC 6761, 6.3), so no foreign page can have one of them."""
_EXTENSION = "autotune_hosts"
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_MOST_SHOWN = 100
_PORTS = {"http": 80, "https": 443}
_NOBODY = "host.invalid"
"""Stands for a Host that no machine can have (RFC 6761, 6.4)."""
_FOR_MACHINES = frozenset({paths.HEALTH_LIVE, paths.HEALTH_READY})
"""Load balancers and containers ask these by an address of their own choice."""


class WrongHostError(HTTPException):
    """The request was sent to a name that is none of this service's (RFC 9110, 15.5.20)."""

    code = 421

    def __init__(self, host: str) -> None:
        super().__init__(
            f"the Host header is {host[:_MOST_SHOWN]!r}, which is no name of this service: its operator lists in "
            "AUTOTUNE_ALLOWED_HOSTS the names under which it is reached"
        )


class HostlessQuart(Quart):
    """An app whose routes do not depend on the Host header."""

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Return what finds the route of a request, also of one whose Host no machine can have.

        Such a request is then refused as those to other hosts are; otherwise it would end in an error of the service.
        """
        try:
            return super().create_url_adapter(request)
        except BadHost:
            return self.url_map.bind_to_request(request, "", _NOBODY)  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True, slots=True)
class Place:
    """A name or an address without brackets, and a port; None where none is given."""

    name: str
    port: int | None

    @classmethod
    @lru_cache(maxsize=128)
    def read(cls, text: str) -> "Place":
        """Read a name or address with or without a port, as in a Host header.

        Raises:
            ValueError: If it is none; the message says what is allowed.
        """
        found = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d{1,5}))?", text.strip().lower())
        address, port = text.strip(), None
        if found is not None:
            port = None if found["port"] is None else int(found["port"])
            if found["v6"] is None and _NAME.fullmatch(found["name"].removesuffix(".")) is not None:
                return cls(found["name"].removesuffix("."), port)
            address = found["v6"] or ""
        try:  # an IPv6 address, which may stand without brackets where there is no port
            return cls(str(ipaddress.ip_address(address)), port)
        except ValueError:
            raise ValueError(
                f"{text.strip()!r} is no name of a host: give names such as tune.example.org, *.lab.local or 10.0.0.7"
            ) from None


class Hosts:
    """The names under which a service is reached.

    Args:
        names: Names and addresses, each with or without a port; ``*.name`` stands for all names below it. Loopback
            names are always among them.
        here: Names and addresses of the machine, as where the service listens. Unlike a name that the operator lists,
            each is the service's own with the port that the browser has used alone: other programs of the machine have
            the other ports, the usual ones too.
        is_https: Whether browsers reach the service over HTTPS alone, so that a page over HTTP is somebody else's.

    Raises:
        ValueError: If a text is no name.
    """

    def __init__(self, names: Iterable[str] = (), *, here: Iterable[str] = (), is_https: bool = False) -> None:
        self._listed = [Place.read(name) for name in names]
        self._places = [*(Place.read(name) for name in (*LOOPBACK_NAMES, *here)), *self._listed]
        self._is_https = is_https

    def allow(self, host: str) -> bool:
        """Return whether a Host header names this service; its port is not looked at, as proxies may change it."""
        try:
            name = Place.read(host).name
        except ValueError:
            return False
        return any(_is_named(place.name, name) for place in self._places)

    def own(self, origin: str, host: str, scheme: str) -> bool:
        """Return whether an origin is this service's own.

        Args:
            origin: The Origin header.
            host: The request's Host header. It adds the port that the browser uses, and no name.
            scheme: The request's scheme, as the browser sent it.
        """
        try:
            parts = urlsplit(origin)
            asked, given = Place.read(parts.netloc), Place.read(host)
        except ValueError:
            return False
        if parts.scheme not in _PORTS or origin != f"{parts.scheme}://{parts.netloc}":
            return False
        is_loopback = any(_is_named(name, asked.name) for name in LOOPBACK_NAMES)
        if parts.scheme == "http" and not is_loopback and (self._is_https or scheme == "https"):
            return False
        usual = _PORTS[parts.scheme]
        port = usual if asked.port is None else asked.port
        if not any(_is_named(place.name, asked.name) for place in self._places):
            return False
        if asked.name == given.name and port == (usual if given.port is None else given.port):
            return True
        listed = [place for place in self._listed if _is_named(place.name, asked.name)]
        return any(port == (usual if place.port is None else place.port) for place in listed)


def names_of_listener(host: str) -> list[str]:
    """List the names and addresses of this machine under which a service that listens on an address is reached."""
    try:
        is_everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return [host]
    if not is_everywhere:
        return [host]
    name = socket.gethostname().lower()
    addresses = [
        address.address.partition("%")[0]
        for each in psutil.net_if_addrs().values()
        for address in each
        if address.family in {socket.AF_INET, socket.AF_INET6}
    ]
    # Some programs reach this machine by the address that stands for all of its own.
    return [host, *addresses, *([name, f"{name}.local"] if _NAME.fullmatch(name) else [])]


def keep_to(app: Quart, hosts: Hosts) -> None:
    """Have an app answer requests and websockets of its own hosts alone, before it reads anything of their bodies."""
    app.extensions[_EXTENSION] = hosts
    app.before_request(_refuse_other_hosts)
    app.before_websocket(_refuse_other_hosts)
    app.after_request(_redirect_within)


def is_own_origin(origin: str) -> bool:
    """Return whether the origin of a page is this service's own, for the request or websocket that is being handled."""
    source = _source()
    hosts: Hosts = current_app.extensions[_EXTENSION]
    return hosts.own(origin, source.headers.get("Host", ""), scheme_of(source))


async def _refuse_other_hosts() -> None:
    source = _source()
    hosts: Hosts = current_app.extensions[_EXTENSION]
    host = source.headers.get("Host", "")
    if source.path not in _FOR_MACHINES and not hosts.allow(host):
        raise WrongHostError(host)


async def _redirect_within(response: Response) -> Response:
    # The scheme and the name here may be those between a proxy and this service. A path alone keeps the browser's, so
    # that no token is sent in clear text after a redirect.
    if response.location is not None:
        parts = urlsplit(response.location)
        response.location = "/" + parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    return response


def _source() -> Request | Websocket:
    return request if has_request_context() else websocket


def _is_named(pattern: str, name: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern

"""Who sent a request, where proxies stand between: what a proxy adds counts if the proxy is trusted, and only then."""

import ipaddress
from collections.abc import Iterable, Sequence

from quart import Quart, Request, Websocket, current_app

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
_EXTENSION = "autotune_proxies"


class Proxies:
    """The proxies whose headers are believed.

    Args:
        networks: Their addresses or networks.
    """

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the address of the client: the last one that no trusted proxy has, coming from this service.

        Args:
            peer: The address that the connection comes from.
            forwarded_for: The X-Forwarded-For headers, in order. Whoever sends a request may begin the first one with
                anything; each proxy adds the address that it has the request from at the end.
        """
        address = _ip(peer)
        if address is None:
            return UNKNOWN
        entries = [entry for header in forwarded_for for entry in header.split(",")]
        while entries and self.trust(address):
            before = _ip(entries.pop())
            if before is None:  # what stands further to the left cannot be told from a forgery
                break
            address = before
        return str(address)

    def scheme_of(self, peer: str, scheme: str, forwarded_proto: Sequence[str]) -> str:
        """Return the scheme, ``http`` or ``https``, by which the client reached the first of the trusted proxies.

        Args:
            peer: The address that the connection comes from.
            scheme: The connection's own scheme.
            forwarded_proto: The X-Forwarded-Proto headers, in order.
        """
        told = ",".join(forwarded_proto).rpartition(",")[2].strip().lower()
        address = _ip(peer)
        if address is None or not self.trust(address):
            told = ""
        return "https" if (told or scheme) in {"https", "wss"} else "http"

    def trust(self, address: Ip) -> bool:
        """Return whether an address is one of a trusted proxy."""
        return any(address in network for network in self._networks)


def network_of(text: str) -> Network:
    """Read an address or a network.

    Raises:
        ValueError: If it is neither; the message says what is allowed.
    """
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"{text.strip()!r} is neither an address nor a network: give addresses such as 10.0.0.7 or networks "
            "such as 10.0.0.0/24 and fd00::/8"
        ) from None


def believe(app: Quart, proxies: Proxies) -> None:
    """Have an app believe these proxies."""
    app.extensions[_EXTENSION] = proxies


def client_address(source: Request | Websocket) -> str:
    """Return the address of the client that sent a request or opened a websocket; ``unknown`` where there is none."""
    return _proxies().client_of(_peer(source), source.headers.getlist("X-Forwarded-For"))


def scheme_of(source: Request | Websocket) -> str:
    """Return by which scheme the client reached this service or its proxy: ``http`` or ``https``."""
    return _proxies().scheme_of(_peer(source), source.scheme, source.headers.getlist("X-Forwarded-Proto"))


def _proxies() -> Proxies:
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Proxies)
    return found


def _peer(source: Request | Websocket) -> str:
    client = source.scope.get("client")
    return client[0] if client else ""


def _ip(text: str) -> Ip | None:
    text = text.strip().strip('"')
    if text.startswith("["):  # [address]:port
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # address:port
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped

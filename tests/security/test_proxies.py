"""The client's address is the peer's, unless a trusted proxy says another."""

import pytest
from quart import request

from autotune_service.settings import SettingsError, load_settings
from autotune_service.web.door import open_to_all
from autotune_service.web.proxies import Proxies, client_address, network_of, scheme_of

BEHIND = Proxies([network_of("10.0.0.0/8"), network_of("fd00::7")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.4", ["203.0.113.9"], "198.51.100.4"),  # no proxy of ours, whatever it says
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # the client itself wrote the first one
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.9.9.9, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, junk"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("fd00::7", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9:5501"], "203.0.113.9"),
        ("", ["203.0.113.9"], "unknown"),
    ],
)
def test_client_is_the_last_address_that_no_trusted_proxy_has(peer, forwarded, client):
    assert BEHIND.client_of(peer, forwarded) == client


@pytest.mark.parametrize(
    ("peer", "scheme", "told", "expected"),
    [
        ("198.51.100.4", "http", ["https"], "http"),
        ("10.0.0.1", "http", ["https"], "https"),
        ("10.0.0.1", "http", ["https, http"], "http"),
        ("10.0.0.1", "wss", [], "https"),
        ("10.0.0.1", "https", ["http"], "http"),
    ],
)
def test_scheme_is_what_a_trusted_proxy_says(peer, scheme, told, expected):
    assert BEHIND.scheme_of(peer, scheme, told) == expected


async def test_forged_header_changes_nothing_by_default(app, client):
    async def live():
        return [client_address(request), scheme_of(request)]

    app.view_functions["health.live"] = open_to_all(live)
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Remote-Addr": "203.0.113.9"}
    reply = await client.get("/health/live", headers=forged, scope_base={"client": ("198.51.100.4", 5501)})
    assert await reply.get_json() == ["198.51.100.4", "http"]


def test_setting_takes_addresses_and_networks():
    given = load_settings(trusted_proxies="10.0.0.7, fd00::/8")
    assert [str(network) for network in given.trusted_proxies] == ["10.0.0.7/32", "fd00::/8"]


def test_setting_that_is_no_network_is_said():
    with pytest.raises(
        SettingsError, match=r"AUTOTUNE_TRUSTED_PROXIES .*'traefik' is neither an address nor a network"
    ):
        load_settings(trusted_proxies="traefik")

"""Prod mode in a network without TLS is a setting, which takes away what only https can keep, and says so."""

import httpx2
import pytest

from autotune_service.settings import load_settings
from support import PASSWORD, SECRET

PROD = {"AUTOTUNE_MODE": "prod", "AUTOTUNE_SECRET": SECRET, "AUTOTUNE_SIGN_UP": "open"}


@pytest.mark.parametrize(
    ("options", "is_https"),
    [
        ({"mode": "prod", "secret": SECRET}, True),
        ({"mode": "prod", "secret": SECRET, "plain_http": True}, False),
        ({"mode": "dev"}, False),
        ({"mode": "dev", "plain_http": True}, False),
    ],
)
def test_https_is_expected_in_prod_unless_the_setting_says_otherwise(options, is_https):
    assert load_settings(**options).is_https is is_https


def test_cookie_works_over_plain_http_where_the_setting_says_so(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_PLAIN_HTTP="1", **PROD)
    assert "AUTOTUNE_PLAIN_HTTP is set" in service.log()
    with httpx2.Client(base_url=service.url, timeout=60) as browser:
        assert browser.post("/user/signup", json={"email": "ada@example.org", "password": PASSWORD}).status_code == 201
        reply = browser.post("/auth/login", data={"username": "ada@example.org", "password": PASSWORD})
        first, *rest = reply.headers["Set-Cookie"].split("; ")
        assert first.startswith("autotune=")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(rest)
        assert "Secure" not in rest
        assert reply.headers["Strict-Transport-Security"] == "max-age=0"
        own = browser.post("/auth/ticket", headers={"Origin": service.url})
        assert own.status_code == 201, own.text

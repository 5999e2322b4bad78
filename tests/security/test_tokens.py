import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.security.tokens import AccessTokens, new_refresh_token, refresh_token_hash

SECRET = "a secret of the tests, long enough to sign"
tokens = AccessTokens(SECRET, timedelta(minutes=15))
user = uuid4()


def claims(**changes):
    now = datetime.now(UTC)
    good = {"iss": "autotune", "aud": "autotune", "typ": "access", "sub": str(user), "jti": "1", "iat": now}
    return {**good, "exp": now + timedelta(minutes=5), **changes}


def signed(secret=SECRET, algorithm="HS256", **changes):
    payload = {name: value for name, value in claims(**changes).items() if value is not None}
    return jwt.encode(payload, secret, algorithm=algorithm)


def unsigned():
    parts = [{"alg": "none", "typ": "JWT"}, {**claims(), "iat": 0, "exp": 9999999999}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


def test_token_tells_its_user():
    assert tokens.user_of(tokens.issue(user, datetime.now(UTC))) == user


@pytest.mark.parametrize("skew_s", [-55, -30, 30, 55])
def test_token_of_a_machine_whose_clock_differs_by_seconds_is_good_from_its_first_moment_to_its_last(skew_s):
    theirs = datetime.now(UTC) + timedelta(seconds=skew_s)
    lifetime = timedelta(minutes=15)
    assert tokens.user_of(tokens.issue(user, theirs)) == user
    assert tokens.user_of(tokens.issue(user, theirs - lifetime + timedelta(seconds=2))) == user


def test_token_of_a_machine_whose_clock_is_minutes_off_is_refused():
    ahead = tokens.issue(user, minutes_from_now(2))
    behind = tokens.issue(user, minutes_from_now(-2) - tokens.lifetime)
    for token in (ahead, behind):
        with pytest.raises(UnauthenticatedError):
            tokens.user_of(token)


def minutes_from_now(minutes):
    return datetime.now(UTC) + timedelta(minutes=minutes)


# Made when the test runs, not when it is collected: some depend on the time.
BAD_TOKENS = {
    "empty": lambda: "",
    "nonsense": lambda: "nonsense",
    "three parts": lambda: "a.b.c",
    "64 KB": lambda: "x" * 65_536,
    "unsigned": unsigned,
    "other secret": lambda: signed(secret="another secret that is long enough too"),
    "other algorithm": lambda: signed(algorithm="HS512"),
    "other type": lambda: signed(typ="refresh"),
    "other audience": lambda: signed(aud="others"),
    "other issuer": lambda: signed(iss="others"),
    "no end": lambda: signed(exp=None),
    "no user": lambda: signed(sub=None),
    "no uuid": lambda: signed(sub="not a uuid"),
    "ended": lambda: signed(exp=minutes_from_now(-2)),
    "from the future": lambda: signed(iat=minutes_from_now(2)),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_token_that_does_not_hold_is_refused_with_one_message(name):
    with pytest.raises(UnauthenticatedError) as caught:
        tokens.user_of(BAD_TOKENS[name]())
    assert caught.value.detail == "the access token is not valid, or has expired: sign in again"


def test_refresh_tokens_differ_and_are_stored_as_digests():
    first, second = new_refresh_token(), new_refresh_token()
    assert first != second
    assert len(refresh_token_hash(first)) == 32
    assert first.encode() not in refresh_token_hash(first)


def test_token_that_was_good_is_refused_once_it_has_ended(monkeypatch):
    token = tokens.issue(user, datetime.now(UTC))
    assert tokens.user_of(token) == user
    later = datetime.now(UTC) + timedelta(minutes=15, seconds=61)
    monkeypatch.setattr("autotune_service.security.tokens.time.time", later.timestamp)
    with pytest.raises(UnauthenticatedError):
        tokens.user_of(token)

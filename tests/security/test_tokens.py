import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.security.keys import KeyRing, derived_key
from autotune_service.security.tokens import AccessTokens, new_token, token_hash

SECRET = "a secret of the tests, long enough to sign"
RING = KeyRing.of([SECRET], "access tokens")
IDENTIFIER, KEY = RING.signing
tokens = AccessTokens(RING, timedelta(minutes=15))
user, session = uuid4(), uuid4()


def claims(**changes):
    now = datetime.now(UTC)
    good = {"iss": "autotune", "aud": "autotune", "typ": "access", "sub": str(user), "jti": "1"}
    good |= {"sid": str(session), "iat": now}
    return {**good, "exp": now + timedelta(minutes=5), **changes}


def signed(key=KEY, algorithm="HS256", identifier=IDENTIFIER, **changes):
    payload = {name: value for name, value in claims(**changes).items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": identifier} if identifier else None)


def written(**changes):
    """A token with a good signature over JSON that the library would not write."""
    parts = [{"alg": "HS256", "kid": IDENTIFIER}, {**claims(), "iat": 0, "exp": 9999999999, **changes}]
    texts = [json.dumps(part) if isinstance(part, dict) else part for part in parts]
    text = ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in texts)
    signature = hmac.new(KEY.encode(), text.encode(), "sha256").digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def unsigned():
    parts = [{"alg": "none", "typ": "JWT", "kid": IDENTIFIER}, {**claims(), "iat": 0, "exp": 9999999999}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


def test_token_tells_its_user():
    assert tokens.read(tokens.issue(user, session, datetime.now(UTC))).user_uuid == user


@pytest.mark.parametrize("skew_s", [-55, -30, 30, 55])
def test_promise_24_token_of_a_machine_whose_clock_differs_by_seconds_is_good_from_its_first_moment_to_its_last(skew_s):
    theirs = datetime.now(UTC) + timedelta(seconds=skew_s)
    lifetime = timedelta(minutes=15)
    assert tokens.read(tokens.issue(user, session, theirs)).user_uuid == user
    assert tokens.read(tokens.issue(user, session, theirs - lifetime + timedelta(seconds=2))).user_uuid == user


def test_promise_24_token_of_a_machine_whose_clock_is_minutes_off_is_refused():
    ahead = tokens.issue(user, session, minutes_from_now(2))
    behind = tokens.issue(user, session, minutes_from_now(-2) - tokens.lifetime)
    for token in (ahead, behind):
        with pytest.raises(UnauthenticatedError):
            tokens.read(token)


def minutes_from_now(minutes):
    return datetime.now(UTC) + timedelta(minutes=minutes)


# Made when the test runs, not when it is collected: some depend on the time.
BAD_TOKENS = {
    "empty": lambda: "",
    "nonsense": lambda: "nonsense",
    "three parts": lambda: "a.b.c",
    "64 KB": lambda: "x" * 65_536,
    "unsigned": unsigned,
    "other secret": lambda: signed(key="another secret that is long enough too"),
    "the secret itself": lambda: signed(key=SECRET),
    "the key of the cookies": lambda: signed(key=derived_key(SECRET, "cookies")),
    "no key named": lambda: signed(identifier=None),
    "unknown key named": lambda: signed(identifier="../../etc/passwd"),
    "no session": lambda: signed(sid=None),
    "end beyond all floats": lambda: written(exp=10**400),
    "start beyond all floats": lambda: written(iat=1e308),
    "endless end": lambda: written(exp=float("inf")),
    "end that is no number": lambda: written(exp=[1]),
    "user that is no text": lambda: written(sub=5),
    "session that is no text": lambda: written(sid={"a": 1}),
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
def test_promise_24_token_that_does_not_hold_is_refused_with_one_message(name):
    with pytest.raises(UnauthenticatedError) as caught:
        tokens.read(BAD_TOKENS[name]())
    assert caught.value.detail == "the access token is not valid, or has expired: sign in again"


def test_every_bad_token_fails_by_what_it_is_named_for():
    assert tokens.read(signed()).user_uuid == user
    assert tokens.read(written()).user_uuid == user


def test_random_tokens_differ_and_are_stored_as_digests():
    first, second = new_token("autotune_"), new_token("autotune_")
    assert first != second
    assert first.startswith("autotune_")
    assert len(token_hash(first)) == 32
    assert first.encode() not in token_hash(first)


def test_token_that_was_good_is_refused_once_it_has_ended(monkeypatch):
    token = tokens.issue(user, session, datetime.now(UTC))
    assert tokens.read(token).session_uuid == session
    later = datetime.now(UTC) + timedelta(minutes=15, seconds=61)
    monkeypatch.setattr("autotune_service.security.tokens.time.time", later.timestamp)
    with pytest.raises(UnauthenticatedError):
        tokens.read(token)


def test_secret_is_replaced_without_signing_anybody_out():
    new = "the secret that came after it, long enough too"
    replaced = AccessTokens(KeyRing.of([new, SECRET], "access tokens"), timedelta(minutes=15))
    assert replaced.read(tokens.issue(user, session, datetime.now(UTC))).user_uuid == user
    alone = AccessTokens(KeyRing.of([new], "access tokens"), timedelta(minutes=15))
    assert alone.read(replaced.issue(user, session, datetime.now(UTC))).user_uuid == user
    with pytest.raises(UnauthenticatedError):
        alone.read(tokens.issue(user, session, datetime.now(UTC)))


def test_keys_are_derived_as_rfc_5869_says():
    # By its two steps, extract with a salt of 32 zeros and one round of expand.
    extracted = hmac.new(bytes(32), SECRET.encode(), "sha256").digest()
    expanded = hmac.new(extracted, b"autotune/cookies\x01", "sha256").digest()
    assert derived_key(SECRET, "cookies") == base64.urlsafe_b64encode(expanded).decode()


async def test_promise_24_every_bad_token_gets_the_same_answer(app, client):
    services = app.extensions["autotune"]
    object.__setattr__(services, "sessions", replace(services.sessions, access_tokens=tokens))
    bodies = set()
    for name, make in BAD_TOKENS.items():
        if name == "empty":  # a header without a token is another mistake
            continue
        reply = await client.get("/experiment/all", headers={"Authorization": f"Bearer {make()}"})
        assert reply.status_code == 401, name
        body = await reply.get_json()
        bodies.add(json.dumps({key: body[key] for key in body if key != "request_id"}, sort_keys=True))
    assert len(bodies) == 1

"""Secrets that can be guessed are refused, those that programs make are taken."""

import base64
import random
import uuid

import pytest

from autotune_service.security.secrets import estimated_bits, weakness_of_password, weakness_of_secret
from autotune_service.settings import SettingsError, load_settings
from support import SECRET

WEAK = {
    "short": "k8Jw0q-Zs3nVxP1yTg7bLr5fHd2mCa9",
    "one character": "x" * 64,
    "a block again and again": "abcdefgh" * 4,
    "blocks and a rest": "Tr0ub4dorTr0ub4dorTr0ub4dorTr0ub4do",
    "a sequence twice": "0123456789abcdef0123456789abcdef",
    "backwards": "zyxwvutsrqponmlkjihgfedcba9876543210",
    "sequences in turn": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "the keyboard": "QWERTZUIOPASDFGHJKLYXCVBNM1234567",
    "keys in turn": "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y",
    "bytes that count": "000102030405060708090a0b0c0d0e0f",
    "the nil uuid": "00000000-0000-0000-0000-000000000000",
    "a sample": "your-secret-key-goes-here-please-1234",
    "another sample": "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME",
    "a sample in digits": "s3cr3t-k3y-f0r-jwt-t0k3ns-8461759302",
    "a sample among random letters": "k8Jw0qZs3nVxP1yTg7bLr5-changeme-fHd2mCa9uEo4",
    "words": "the quick brown fox jumps over the lazy dog",
    "words without blanks": "correcthorsebatterystaple12345678901",
    "capitalised words": "ThisIsTheTokenOfTheCompanyForAllOfUs2024",
    "another language": "ICHMAGKEINEGEHEIMNISSEUNDWILLSCHLAFEN",
    "a word and a year": "Welcome2024!Welcome2024!Welcome2024!",
    "dates": "20240101202401022024010320240104",
    "words of hexadecimal digits": "deadbeefcafebabe0123456789abcdef",
    "a sample backwards": "9481-terces-repus-ruo-8812-kfjw-qpzl",
    "a sample in base64": "dGhpcy1pcy1vdXItc3VwZXItc2VjcmV0LWtleQ==",
    "words in hexadecimal digits": "74686520717569636b2062726f776e20666f78206a756d7073206f766572",
    "the digest of password": "5f4dcc3b5aa765d61d8327deb882cf99",
    "that of FastAPI's manual": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
}
_RANDOM = random.Random(20)
STRONG = {
    "secrets.token_urlsafe(48)": lambda: base64.urlsafe_b64encode(_RANDOM.randbytes(48)).decode(),
    "openssl rand -hex 32": lambda: _RANDOM.randbytes(32).hex(),
    "openssl rand -base64 32": lambda: base64.b64encode(_RANDOM.randbytes(32)).decode(),
    "uuidgen": lambda: str(uuid.UUID(bytes=_RANDOM.randbytes(16), version=4)),
    "uuidgen twice": lambda: "".join(str(uuid.UUID(bytes=_RANDOM.randbytes(16), version=4)) for _ in range(2)),
}


@pytest.mark.parametrize("kind", WEAK)
def test_promise_26_weak_secret_is_refused(kind):
    assert weakness_of_secret(WEAK[kind]) is not None


@pytest.mark.parametrize("kind", STRONG)
def test_secret_that_a_program_made_is_taken(kind):
    assert [weakness_of_secret(STRONG[kind]()) for _ in range(200)] == [None] * 200


def test_random_digits_cost_what_they_are_worth():
    digits = _RANDOM.randbytes(32).hex()
    assert estimated_bits(digits) == pytest.approx(64 * 4, rel=0.25)


def test_secret_of_megabytes_is_judged_at_once():
    assert weakness_of_secret("aB3 " * 5000) is not None


@pytest.mark.parametrize(
    "password", ["CHANGEME", "postgres", "password1234", "hunter2hunter2", "Sommer2024!!", "autotune-2031-x", "a" * 30]
)
def test_weak_password_of_the_database_is_refused(password):
    assert weakness_of_password(password, "autotune") is not None


def test_weakness_never_tells_the_secret():
    assert all(secret not in (weakness_of_secret(secret) or "") for secret in WEAK.values())


@pytest.mark.parametrize("name", ["database_url", "database_direct_url"])
def test_prod_refuses_a_database_whose_password_is_a_sample(name):
    urls = {"database_url": "postgresql://autotune@db/autotune"}
    given = urls | {name: "postgresql://autotune:CHANGEME@db/autotune"}
    with pytest.raises(SettingsError, match=f"AUTOTUNE_{name.upper()} must have a password") as refused:
        load_settings(mode="prod", secret=SECRET, **given)
    assert "CHANGEME" not in str(refused.value)
    assert load_settings(mode="dev", **given).mode == "dev"


def test_password_beside_the_url_is_looked_at_too(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "postgres")
    with pytest.raises(SettingsError, match="AUTOTUNE_DATABASE_URL must have a password"):
        load_settings(mode="prod", secret=SECRET, database_url="postgresql://autotune@db/autotune")


@pytest.mark.parametrize("login", ["autotune", "autotune:fJ2-qx8Wn_5Kd7Rs"])
def test_prod_takes_a_database_with_a_strong_password_or_none(login):
    assert load_settings(mode="prod", secret=SECRET, database_url=f"postgresql://{login}@db/autotune").mode == "prod"

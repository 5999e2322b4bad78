"""Access tokens (JWT, RFC 7519 and RFC 8725), and tokens that are random and mean something to the database alone."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid4

import jwt

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.security.keys import KeyRing

_ISSUER = "autotune"
_TYPE = "access"
_LEEWAY = timedelta(seconds=60)  # each machine's clock may be 30 s off, so two may differ by twice as much
_MAX_TOKEN_LENGTH = 8192
_REQUIRED = ["exp", "iat", "sub", "jti", "sid", "iss", "aud"]

AUTOMATION_PREFIX = "autotune_"
"""How each token for automation begins, so that people and secret scanners recognise one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: its user and its session, and when the token ends, in seconds since the epoch."""

    user_uuid: UUID
    session_uuid: UUID
    ends_at: float


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Issues access tokens that the first of some keys signs, and reads those that any of the keys has signed."""

    ring: KeyRing
    lifetime: timedelta

    def issue(self, user_uuid: UUID, session_uuid: UUID, now: datetime) -> str:
        """Return a new token for a session of a user; ``now`` is an aware time."""
        claims = {
            "iss": _ISSUER,
            "aud": _ISSUER,
            "typ": _TYPE,
            "sub": str(user_uuid),
            "sid": str(session_uuid),
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + self.lifetime,
        }
        identifier, key = self.ring.signing
        return jwt.encode(claims, key, algorithm="HS256", headers={"kid": identifier})

    def read(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            UnauthenticatedError: If the token is forged, expired or not an access token of ours. The message is the
                same for all of these.
        """
        try:
            if len(token) > _MAX_TOKEN_LENGTH:
                raise jwt.InvalidTokenError
            claims = _read(token, self.ring)
            if time.time() >= claims.ends_at + _LEEWAY.total_seconds():
                raise jwt.ExpiredSignatureError
            return claims
        except (jwt.InvalidTokenError, ValueError, ArithmeticError, RecursionError, TypeError):
            # A number that no float holds, and JSON that is too deep, are no errors of the library's own.
            raise UnauthenticatedError("the access token is not valid, or has expired: sign in again") from None


@lru_cache(maxsize=4096)
def _read(token: str, ring: KeyRing) -> Claims:
    """Return what a token says; cached, because decoding it and checking its signature is slow."""
    key = ring.find(jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidTokenError
    claims = jwt.decode(
        token,
        key,
        algorithms=["HS256"],
        audience=_ISSUER,
        issuer=_ISSUER,
        leeway=_LEEWAY,
        options={"require": _REQUIRED},
    )
    if claims.get("typ") != _TYPE or not isinstance(claims["sid"], str):
        raise jwt.InvalidTokenError
    return Claims(UUID(claims["sub"]), UUID(claims["sid"]), float(claims["exp"]))


def new_token(prefix: str = "") -> str:
    """Return a new token that nobody can guess: a prefix and 256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Hash a token for storage; a plain digest is enough, because random tokens cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()

"""Access tokens (JWT, RFC 7519) and refresh tokens (opaque)."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid4

import jwt

from autotune_service.domain.errors import UnauthenticatedError

_ISSUER = "autotune"
_TYPE = "access"
_LEEWAY = timedelta(seconds=60)  # each machine's clock may be 30 s off, so two may differ by twice as much
_MAX_TOKEN_LENGTH = 8192


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Issues access tokens that one secret signs, and reads them."""

    secret: str
    lifetime: timedelta

    def issue(self, user_uuid: UUID, now: datetime) -> str:
        """Return a new token for a user; ``now`` is an aware time."""
        claims = {
            "iss": _ISSUER,
            "aud": _ISSUER,
            "typ": _TYPE,
            "sub": str(user_uuid),
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + self.lifetime,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def user_of(self, token: str) -> UUID:
        """Return the user that the token was issued for.

        Raises:
            UnauthenticatedError: If the token is forged, expired or not an access token of ours. The message is the
                same for all of these.
        """
        try:
            if len(token) > _MAX_TOKEN_LENGTH:
                raise jwt.InvalidTokenError
            user_uuid, ends_at = _read(token, self.secret)
            if time.time() >= ends_at + _LEEWAY.total_seconds():
                raise jwt.ExpiredSignatureError
            return user_uuid
        except (jwt.InvalidTokenError, ValueError):
            raise UnauthenticatedError("the access token is not valid, or has expired: sign in again") from None


@lru_cache(maxsize=4096)
def _read(token: str, secret: str) -> tuple[UUID, float]:
    """Return the user of a token and the time when the token expires; cached, because checking a signature is slow."""
    claims = jwt.decode(
        token,
        secret,
        algorithms=["HS256"],
        audience=_ISSUER,
        issuer=_ISSUER,
        leeway=_LEEWAY,
        options={"require": ["exp", "iat", "sub", "jti", "iss", "aud"]},
    )
    if claims.get("typ") != _TYPE:
        raise jwt.InvalidTokenError
    return UUID(claims["sub"]), float(claims["exp"])


def new_refresh_token() -> str:
    """Return a new refresh token: 256 random bits as text."""
    return secrets.token_urlsafe(32)


def refresh_token_hash(token: str) -> bytes:
    """Hash a refresh token for storage; a plain digest is enough, because random tokens cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()

"""One HTTP exchange: a request goes out, a reply or one of the client's own errors comes back."""

from http import HTTPStatus
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, SecretStr, ValidationError

from autotune.errors import AutotuneError, ConnectionFailedError, UnexpectedReplyError, refusal
from autotune.transport.http import AnyHttp
from autotune.transport.trust import distrust
from autotune_wire.base import IDEMPOTENCY_HEADER, Reply

CONNECT_S = 5.0
READ_S = 30.0
"""How long to wait for a reply, in seconds; longer than the service lets an ask wait for a suggestion."""

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

R = TypeVar("R", bound=BaseModel)


class Done(Reply):
    """The reply without content: the service has done what was asked."""


async def exchange(
    http: AnyHttp,
    method: str,
    path: str,
    reply_type: type[R],
    *,
    token: SecretStr | None = None,
    key: str | None = None,
    timeout_s: float = READ_S,
    **content: Any,
) -> R:
    """Send one request and read its reply.

    Args:
        http: The pool of connections to the service.
        method: The HTTP method.
        path: The path below the service's address.
        reply_type: The type of the reply; ``Done`` where the service sends none.
        token: The bearer token, if the call needs one.
        key: The idempotency key: a request that is sent again with the same key is done once.
        timeout_s: How long to wait for the reply, in seconds.
        **content: The query or the body, as httpx takes them.

    Raises:
        ServiceError: If the service refuses the request.
        CertificateError: If the service's certificate is not trusted.
        ConnectionFailedError: If the service is not reached, or the connection is lost before the reply.
        UnexpectedReplyError: If the reply is not of the type ``reply_type``.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    if key is not None:
        headers[IDEMPOTENCY_HEADER] = key
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
    try:
        response = await http.request(method, path, headers=headers, timeout=timeout, **content)
    except httpx2.RequestError as error:
        # The cause would carry the request, and with it the secrets in its headers and body.
        raise _failure(http.url, error) from None
    finally:
        # Tracebacks that show local variables would show these secrets.
        headers.clear()
        content.clear()
    if response.is_success:
        return _reply(response, reply_type)
    raise refusal(response.status_code, response.content, response.headers.get("Retry-After"))


def _failure(address: str, error: httpx2.RequestError) -> AutotuneError:
    if (distrusted := distrust(address, error)) is not None:
        return distrusted
    reason = str(error).rstrip(".") or type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return ConnectionFailedError(f"cannot reach the service at {address}: {reason}")
    return ConnectionFailedError(f"lost the service at {address} before its reply came: {reason}")


def _reply(response: httpx2.Response, reply_type: type[R]) -> R:
    try:
        is_empty = response.status_code == HTTPStatus.NO_CONTENT
        return reply_type.model_validate_json(b"{}" if is_empty else response.content)
    except ValidationError:
        raise UnexpectedReplyError(
            f"the reply of {response.url.host} to {response.request.method} {response.url.path} is no "
            f"{reply_type.__name__}: is an AutoTune service at this address, of about this version?"
        ) from None

"""Whose certificates are believed: those of this machine's authorities, and of one that the user names."""

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import httpx2

from autotune.errors import CertificateError, InvalidInputError

CA_FILE = "AUTOTUNE_CA_FILE"
_DEEPEST = 10


def trusted(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return what HTTP requests and streams check a service's certificate with.

    It trusts the authorities of the operating system, or those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name in their
    place, and besides them those in the file that ``AUTOTUNE_CA_FILE`` names.

    Raises:
        InvalidInputError: If one of these files has no certificates that can be read.
    """
    return _trusting(environ.get(CA_FILE), environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=8)  # to read the authorities of a machine takes tens of milliseconds
def _trusting(ca_file: str | None, cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    name, place = ("SSL_CERT_FILE", cert_file) if cert_file else ("SSL_CERT_DIR", cert_dir)
    try:
        context = httpx2.create_ssl_context()
        if ca_file:
            name, place = CA_FILE, ca_file
            context.load_verify_locations(Path(ca_file).expanduser())
    except (OSError, RuntimeError) as error:  # ssl's own are of the first kind; the second: nobody knows what ~ is
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{name} is {place!r}, and no certificates can be read from there: {reason}") from None
    return context


def distrust(address: str, error: BaseException) -> CertificateError | None:
    """Build the error where a connection failed because the certificate is not trusted; None if it failed otherwise.

    Args:
        address: The service's address.
        error: What the library raised; the reason may be among its causes.
    """
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateError(
                f"the certificate of {address} is not trusted: {cause.verify_message}. If an authority of your own "
                f"signed it, name the file with the authority's certificate in {CA_FILE}"
            )
        cause = None if cause is None else cause.__cause__ or cause.__context__
    return None

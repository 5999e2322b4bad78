"""What to do about an error, said below it."""

from autotune.errors import (
    AutotuneError,
    CertificateError,
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    ServiceError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedReplyError,
)

_BY_CODE = {
    "experiment_closed": "`%autotune reopen` opens it again",
    "experiment_stopped": "`%autotune resume` goes on; with a dict of new stop rules it goes on by these",
    "experiment_paused": "`%autotune resume` goes on; results can be told meanwhile",
    "no_candidates": "`%autotune candidates --add TABLE` adds rows; `%autotune withdraw N --restore` restores row N",
    "already_told": "`%autotune history` shows what is stored, `%autotune correct ID RESPONSE` corrects it",
    "nothing_to_undo": "`%autotune history` shows what is stored; `%autotune exclude ID` leaves one run out",
    "not_pending": "`%autotune ask` shows what to try next",
    "engine_failed": "tell on: the next `%autotune tell` has the engine try again",
    "engine_failing": "tell on, or ask again in half a minute: the engine tries again",
    "too_many": "run the command again in a moment, with fewer workers at a time; the operator sets each user's share",
    "limit_reached": "`%autotune delete` makes room; the operator of the service sets the limits",
}
_BY_CLASS: tuple[tuple[type[AutotuneError], str], ...] = (
    (ConnectionFailedError, "run the command again once the service is up (`autotune serve`); `%autotune login URL` "
     "chooses another one"),
    (CertificateError, "`%env AUTOTUNE_CA_FILE=/path/to/authority.pem`, then run the command again"),
    (UnauthenticatedError, "`%autotune login` logs in again"),
    (ForbiddenError, "`%autotune members` shows who may do what; the owner changes that"),
    (NotFoundError, "`%autotune list` shows your experiments"),
    (UnavailableError, "run the command again in a moment"),
    (UnexpectedReplyError, "`%autotune status` shows the address and the versions"),
)  # fmt: skip


def add_advice(error: AutotuneError) -> None:
    """Add to an error what to do about it, unless that is in the error already."""
    advice = _by_code(error) if isinstance(error, ServiceError) else None
    advice = advice or next((text for kind, text in _BY_CLASS if isinstance(error, kind)), None)
    if advice is not None:
        error.add_note(advice)


def _by_code(error: ServiceError) -> str | None:
    """Return the advice by the code of an error, or for an ask that lacks the value of a context."""
    missing = next((one.field for one in error.errors if one.field.startswith("fixed.") and one.value is None), None)
    if missing is not None:
        return f"say it with `%autotune ask --fixed {{{missing.removeprefix('fixed.')!r}: VALUE}}`"
    return _BY_CODE.get(error.code)

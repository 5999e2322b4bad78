"""The codes of problem documents."""

from collections.abc import Iterator

from autotune_service.domain.errors import AutotuneError
from autotune_service.web.errors import HTTP_CODES, STATUS
from autotune_site.reference.tables import table


def lines() -> Iterator[str]:
    """Yield the codes with their status and meaning, those of AutoTune's own errors first."""
    yield from table(
        ("status", "code", "meaning"),
        sorted((str(_status(kind)), f"`{kind.code}`", _meaning(kind)) for kind in _errors(AutotuneError)),
    )
    yield from ("What HTTP itself refuses, and what nobody foresaw:", "")
    rows = [(str(status), f"`{code}`") for status, code in HTTP_CODES.items()]
    yield from table(("status", "code"), [*rows, ("other", "`http_error`"), ("500", "`internal`")])


def _errors(kind: type[AutotuneError]) -> Iterator[type[AutotuneError]]:
    for below in kind.__subclasses__():
        if "code" in vars(below):
            yield below
        yield from _errors(below)


def _status(kind: type[AutotuneError]) -> int:
    return next(status for base, status in STATUS.items() if issubclass(kind, base))


def _meaning(kind: type[AutotuneError]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")

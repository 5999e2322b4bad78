"""The Python client: what its package exports, by Sphinx's own reader of docstrings."""

from collections.abc import Iterator

import autotune

_FIRST = ("connect", "Client", "Experiment", "aconnect", "AsyncClient", "AsyncExperiment", "report")


def lines() -> Iterator[str]:
    """Yield the functions and classes, those that everybody needs first, and the errors last."""
    others = [name for name in autotune.__all__ if name not in _FIRST]
    errors = [name for name in others if issubclass(getattr(autotune, name), Exception)]
    yield from _part("Connecting, experiments and runs", _FIRST)
    yield from _part("What calls return", [name for name in others if name not in errors])
    yield from _part("Errors", errors)


def _part(title: str, names: tuple[str, ...] | list[str]) -> Iterator[str]:
    yield from (f"## {title}", "")
    for name in names:
        kind = "autoclass" if isinstance(getattr(autotune, name), type) else "autofunction"
        options = ["   :members:", "   :inherited-members: BaseModel, Exception"] if kind == "autoclass" else []
        yield from ("```{eval-rst}", f".. {kind}:: autotune.{name}", *options, "```", "")

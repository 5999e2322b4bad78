"""Imports greattunes 0.0.7, which was written for BoTorch 0.2 and pandas 1.2, beside today's versions of both.

The package's modules are executed with an import function of their own. If they import a module that lacks names they
need, they get a view of that module with stand-ins added. So nothing outside greattunes is ever patched.
"""

import builtins
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

VERSION = "0.0.7"
INSTALL_COMMAND = f"python -m pip install pandas && python -m pip install --no-deps greattunes=={VERSION}"
_PACKAGE = "greattunes"


class GreattunesMissingError(ImportError):
    """The greattunes package is not installed; the message names the command that installs it."""


class _View(ModuleType):
    """A module with names added or replaced, which leaves the module itself as it is."""

    def __init__(self, module: ModuleType, names: Mapping[str, object]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@cache
def load_greattunes() -> ModuleType:
    """Return the package, imported once per process.

    Raises:
        GreattunesMissingError: If this version of the package, or pandas, is not installed.
    """
    _check_installed()
    # A plain import of the package fails, and leaves behind the modules that were executed until then.
    for name in [name for name in sys.modules if _is_greattunes(name)]:
        del sys.modules[name]
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(_PACKAGE)
    finally:
        sys.meta_path.remove(finder)


def _check_installed() -> None:
    try:
        found = version(_PACKAGE)
    except PackageNotFoundError:
        found = None
    if found != VERSION or find_spec("pandas") is None:
        needed = f"{_PACKAGE} {VERSION} and pandas have to be installed"
        present = f" (found: {_PACKAGE} {found})" if found else ""
        raise GreattunesMissingError(f"{needed}{present}; run: {INSTALL_COMMAND}")


def _is_greattunes(name: str) -> bool:
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


class _Finder:
    """Finds the modules of greattunes where they are installed, and no other modules."""

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if _is_greattunes(name) else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Executes a module with builtins of its own: another import function, and a print that does nothing."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _make_import(), "print": _print_nothing}
        super().exec_module(module)


def _print_nothing(*_args: object, **_options: object) -> None:
    """Print nothing: greattunes prints a line for every step, which would fill the service's log."""


@cache
def _make_import() -> Callable[..., Any]:
    from autotune_service.engine.greattunes.stand_ins import names_for_greattunes

    added = names_for_greattunes()
    # greattunes needs matplotlib for plots only, and the service draws none.
    views: dict[str, ModuleType] = {"matplotlib.pyplot": _View(ModuleType("matplotlib"), {"pyplot": None})}

    def import_for_greattunes(name: str, *details: Any) -> Any:
        if name in added and name not in views:
            views[name] = _View(importlib.import_module(name), added[name])
        return views.get(name) or builtins.__import__(name, *details)

    return import_for_greattunes

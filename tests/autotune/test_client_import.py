import subprocess
import sys

import pytest

import autotune

NUMERICS = {"numpy", "torch", "pandas", "scipy", "sklearn", "optuna"}
OTHERS = {"IPython", "ipywidgets", "rich", "autotune.widgets", "autotune_service", "asyncpg"}


def _imported(code: str, of: set[str]) -> str:
    code = f"import sys\n{code}\nprint(sorted({of} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


def test_client_imports_neither_numerics_nor_notebook():
    assert _imported("from autotune import *", NUMERICS | OTHERS) == "[]\n"


def test_import_waits_for_no_models_and_no_network_libraries():
    assert _imported("import autotune", {"pydantic", "httpx2", "websockets", "asyncio", "autotune.client"}) == "[]\n"


def test_every_public_name_is_there():
    assert {name: getattr(autotune, name).__name__ for name in autotune.__all__} == {
        name: name for name in autotune.__all__
    }
    assert set(autotune.__all__) <= set(dir(autotune))
    assert len(set(autotune.__all__)) == len(autotune.__all__)


def test_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'autotune' has no attribute 'conect'"):
        autotune.conect  # noqa: B018 -- the access is what is tested

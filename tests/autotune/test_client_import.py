import subprocess
import sys


def test_client_imports_neither_numerics_nor_notebook():
    heavy = "{'numpy', 'torch', 'pandas', 'IPython', 'ipywidgets', 'autotune.widgets', 'autotune_service', 'asyncpg'}"
    code = f"import sys, autotune; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"

import builtins
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import botorch.acquisition
import botorch.fit
import botorch.models
import pandas as pd
import pytest
import torch

from autotune_service.engine.greattunes import loading
from autotune_service.engine.greattunes.loading import INSTALL_COMMAND, VERSION, GreattunesMissingError, load_greattunes


def test_loading_gives_the_real_package_its_four_models_and_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    session = load_greattunes().TuneSession(covars=[(0.5, 0.0, 1.0)])
    assert load_greattunes().__version__ == VERSION
    assert {"SingleTaskGP", "FixedNoiseGP", "HeteroskedasticSingleTaskGP", "SimpleCustomMaternGP"} == set(
        session.MODEL_LIST
    )
    assert session.device.type == "cpu"


def test_loading_patches_nothing_outside_greattunes():
    load_greattunes()
    assert not hasattr(pd.DataFrame, "append")
    assert not hasattr(botorch.fit, "fit_gpytorch_model")
    assert not hasattr(botorch.models, "FixedNoiseGP")
    assert not hasattr(botorch.models, "HeteroskedasticSingleTaskGP")
    taken_over = [botorch.models.SingleTaskGP, botorch.acquisition.NoisyExpectedImprovement, pd.DataFrame]
    assert [one.__module__.split(".")[0] for one in taken_over] == ["botorch", "botorch", "pandas"]
    assert sys.modules["pandas"] is pd
    assert sys.modules["torch"] is torch
    assert builtins.print.__module__ == builtins.__import__.__module__ == "builtins"
    assert not any(isinstance(finder, loading._Finder) for finder in sys.meta_path)


def test_loading_works_after_a_plain_import_has_failed():
    code = """
try:
    import greattunes
except ImportError:
    from autotune_service.engine.greattunes.loading import load_greattunes
    rows = torch.zeros(2, 1, dtype=torch.double)
    load_greattunes().TuneSession(covars=[(0.5, 0.0, 1.0)], train_X=rows, train_Y=rows)
else:
    raise SystemExit("it did not fail")
"""
    subprocess.run([sys.executable, "-c", f"import torch\n{code}"], check=True)


@pytest.mark.parametrize("installed", [None, "0.0.6"])
def test_missing_package_names_the_command_that_installs_it(monkeypatch, installed):
    def version(_name):
        if installed is None:
            raise PackageNotFoundError
        return installed

    monkeypatch.setattr(loading, "version", version)
    with pytest.raises(GreattunesMissingError, match=re.escape(INSTALL_COMMAND)):
        load_greattunes.__wrapped__()


def test_missing_pandas_names_the_command_too(monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda _name: None)
    with pytest.raises(GreattunesMissingError, match="pip install pandas"):
        load_greattunes.__wrapped__()


def test_constraints_pin_the_version_that_the_adapter_is_written_for():
    constraints = (Path(__file__).parents[3] / "constraints.txt").read_text().splitlines()
    assert f"greattunes=={VERSION}" in constraints


def test_make_install_and_the_image_install_greattunes_without_its_dependencies():
    root = Path(__file__).parents[3]
    for recipe in ("Makefile", "Dockerfile"):
        lines = [line for line in (root / recipe).read_text().splitlines() if line.endswith("--no-deps greattunes")]
        assert len(lines) == 1, recipe

"""Builds a target of the Dockerfile without a container engine: a folder for its root, a virtual environment for its
Python."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deploy_files import ROOT, Stage, copied_files, stages, words

# What needs root and changes the machine, not the folder.
SKIPPED_RUN = ("useradd ",)
# The image wants no cache left in it; here the cache is the machine's own, and spares it a second download.
SKIPPED_ENV = ("PIP_NO_CACHE_DIR",)


@dataclass
class Image:
    """An image being built: where its files lie, and what its processes find in their environment."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = field(init=False)
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.root

    def inside(self, path: str) -> Path:
        """The place of a path of the image: an absolute one starts at the image's root."""
        return self.root / path.removeprefix("/") if path.startswith("/") else self.folder / path


def build(root: Path, target: str) -> Image:
    """Follow the Dockerfile line by line, from the base image to the end of a stage.

    Other stages that the stage copies from are built in folders beside it.
    """
    chain: list[Stage] = []
    name = target
    while name in stages():
        chain.insert(0, stages()[name])
        name = chain[0].base
    image = Image(root / target, _clean_environment())
    _make_python(image)
    steps = {"ARG": _arg, "ENV": _env, "WORKDIR": _workdir, "COPY": _copy, "RUN": _run}
    for stage in chain:
        for name, arguments in stage.instructions:
            if name in steps:
                steps[name](image, arguments)
    return image


def _clean_environment() -> dict[str, str]:
    ours = ("AUTOTUNE_", "PYTHON", "VIRTUAL_ENV", "PYTEST_")
    given = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # The tests import a small part of what is installed: that is compiled as it is imported.
    return {**given, "PIP_NO_COMPILE": "1"}


def _make_python(image: Image) -> None:
    # FROM: the base image's Python, alone on the path before everything else.
    venv = image.root / "usr" / "local"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    image.environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{image.environment['PATH']}"


def _arg(image: Image, arguments: str) -> None:
    name, _, default = words(arguments)[0].partition("=")
    image.environment.setdefault(name, default)


def _env(image: Image, arguments: str) -> None:
    for name, value in (pair.split("=", 1) for pair in words(arguments)):
        if name not in SKIPPED_ENV:
            image.environment[name] = str(image.inside(value)) if value.startswith("/") else value


def _workdir(image: Image, arguments: str) -> None:
    image.folder = image.inside(arguments)
    image.folder.mkdir(parents=True)


def _copy(image: Image, arguments: str) -> None:
    option, *rest = words(arguments)
    if option.startswith("--from="):
        source, target = rest
        other = _stage_beside(image, option.removeprefix("--from="))
        shutil.copytree(other.inside(source), image.inside(target))
        return
    *sources, target = words(arguments)
    for source in sources:
        for file in copied_files(source):
            # A file goes into the target folder by its name, a folder's content by its path within the folder.
            into = image.inside(target) / (file.relative_to(source) if str(file) != source else file.name)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, into)


def _stage_beside(image: Image, name: str) -> Image:
    root = image.root.parent
    return Image(root / name) if (root / name).exists() else build(root, name)


def _run(image: Image, arguments: str) -> None:
    if not arguments.startswith(SKIPPED_RUN):
        image.runs.append(arguments)
        subprocess.run(["sh", "-ec", arguments], cwd=image.folder, env=image.environment, check=True)

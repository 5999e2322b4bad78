"""Reads the deployment files the way their tools do, as far as this project uses their syntax."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\})")


@dataclass(frozen=True)
class Stack:
    """A Compose file with what belongs to it.

    Attributes:
        name: The Compose file.
        example: The file with its variables, which is copied to .env.
        static: Traefik's static file.
        routes: Traefik's dynamic file.
    """

    name: str
    example: str
    static: str
    routes: str

    @property
    def text(self) -> str:
        return (ROOT / self.name).read_text()

    @cached_property
    def content(self) -> dict[str, Any]:
        return yaml.safe_load(self.text)

    @property
    def services(self) -> dict[str, Any]:
        return self.content["services"]

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables that a copy of the example sets."""
        lines = (ROOT / self.example).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def traefik(self) -> dict[str, Any]:
        return tomllib.loads((ROOT / self.static).read_text())

    def router(self) -> dict[str, Any]:
        """The dynamic file, with the variables of the example in place of its templates."""
        text = (ROOT / self.routes).read_text()
        return tomllib.loads(re.sub(r'{{ env "(\w+)" }}', lambda found: self.environment[found[1]], text))


DEV = Stack("docker-compose.yml", ".env.example", "traefik/traefik.dev.toml", "traefik/routes.dev.toml")
PROD = Stack("docker-compose.prod.yml", ".env.prod.example", "traefik/traefik.prod.toml", "traefik/routes.prod.toml")


def variables_in(text: str) -> set[str]:
    """The names of ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``; ``$$`` is a dollar sign."""
    return {found["name"] for found in _VARIABLE.finditer(text) if found["name"]}


def interpolate(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace variables in every text of a Compose value, as Compose does; KeyError where a required one is empty."""
    if isinstance(value, dict):
        return {key: interpolate(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, environment) for item in value]
    return _VARIABLE.sub(lambda found: _value_of(found, environment), value) if isinstance(value, str) else value


def _value_of(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    given = environment.get(found["name"], "")
    if found["kind"] == "?" and not given:
        raise KeyError(found["name"])
    return given or (found["word"] or "" if found["kind"] == "-" else "")


def dockerfile() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its arguments in one line."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile.

    Attributes:
        base: The image or the stage that it begins with.
        instructions: What follows its FROM, each with its arguments in one line.
    """

    base: str
    instructions: list[tuple[str, str]]

    def of(self, name: str) -> list[str]:
        return [arguments for instruction, arguments in self.instructions if instruction == name]

    def command(self) -> list[str]:
        """What the image runs."""
        return json.loads(self.of("CMD")[-1])


def stages() -> dict[str, Stage]:
    """The stages by name, in order."""
    found: dict[str, Stage] = {}
    for name, arguments in dockerfile():
        if name == "FROM":
            base, as_, stage = arguments.split()
            assert as_ == "AS"
            found[stage] = Stage(base, [])
        else:
            found[stage].instructions.append((name, arguments))
    return found


def words(arguments: str) -> list[str]:
    return shlex.split(arguments)


def copied_files(source: str) -> Iterator[Path]:
    """The files that ``COPY source`` finds in the build context, relative to its root."""
    path = ROOT / source
    assert path.exists(), f"the Dockerfile copies {source}, which is not there"
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    return (relative for relative in (file.relative_to(ROOT) for file in files) if not _is_ignored(relative))


def _is_ignored(path: Path) -> bool:
    # As in .dockerignore: the last pattern that matches the path or a folder above it decides.
    is_ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if any(_matches(str(part), line.removeprefix("!")) for part in (path, *path.parents)):
            is_ignored = not line.startswith("!")
    return is_ignored


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(Path(path).name, pattern.removeprefix("**/"))
    return path.count("/") == pattern.count("/") and path != "." and fnmatchcase(path, pattern)

"""What is published is what was tested: versions, the changelog, the workflows and the wheel say the same."""

import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from deploy_files import ROOT
from packaging.requirements import Requirement
from packaging.version import Version

from release import NotReleasedError, build, check, needed, only, relative_links, version_and_readme_of
from smoke import CHECKS, attempt

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
FALLBACK = PYPROJECT["tool"]["hatch"]["version"]["fallback-version"]
MATRICES = (("ci.yml", "pinned"), ("release.yml", "smoke"))
ADDRESS = "https://example.org/autotune"
PUBLISHED = ("pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())


def test_workflow_tests_each_python_that_the_package_is_said_to_run_on():
    said = {
        match[1]
        for text in PROJECT["classifiers"]
        if (match := re.fullmatch(r".*Python :: (3\.\d+)", text)) is not None
    }
    assert set(workflow("ci.yml")["jobs"]["pinned"]["strategy"]["matrix"]["python"]) == said
    assert PROJECT["requires-python"] == f">={min(said, key=Version)}"


@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("release.yml", "build"),
        ("ci.yml", "pinned"),
        ("ci.yml", "newest"),
        ("weekly.yml", "coverage"),
        ("weekly.yml", "soak"),
    ],
)
def test_workflows_run_what_developers_run(name, job):
    commands = [step["run"] for step in workflow(name)["jobs"][job]["steps"] if "run" in step]
    targets = {re.match(r"make (\w+)", command)[1] for command in commands}
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert targets
    assert targets <= set(phony)


def test_only_the_job_that_publishes_may_ask_for_an_identity():
    jobs = workflow("release.yml")["jobs"]
    assert workflow("release.yml")["permissions"] == {"contents": "read"}
    assert {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})} == {"publish"}
    assert jobs["publish"]["needs"] == ["build", "smoke"]


def test_each_python_tries_the_wheel_before_it_is_published():
    matrix = {job: workflow(file)["jobs"][job]["strategy"]["matrix"] for file, job in MATRICES}
    assert matrix["smoke"] == matrix["pinned"]


def test_changelog_has_a_dated_section_for_each_release_newest_first():
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    versions = [Version(heading[1]) for heading in released]
    dates = [date.fromisoformat(heading[2]) for heading in released]
    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert versions[0] == Version(FALLBACK)


def _copy_of_the_package(folder: Path) -> Path:
    for name in PUBLISHED:
        shutil.copy(ROOT / name, folder)
    for name in ("service", "jupyter_ext"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder with a wheel and an sdist of a tagged version, the wheel made out of the sdist."""
    folder = _copy_of_the_package(tmp_path_factory.mktemp("release"))
    _git(folder, "init", "-q")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "All")
    _git(folder, "tag", "v9.8.7")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPOSITORY_URL", ADDRESS)
        build(folder / "dist", folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def _version_of(folder: Path) -> str:
    command = [sys.executable, "-m", "hatchling", "version"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_tag_is_the_version_of_wheel_and_sdist(built: Path):
    assert {path.name for path in built.iterdir()} == {"autotune_bo-9.8.7-py3-none-any.whl", "autotune_bo-9.8.7.tar.gz"}


def test_version_is_found_without_git_without_tags_and_in_an_sdist(tmp_path: Path, built: Path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in PUBLISHED:
        shutil.copy(ROOT / name, folder)
    assert _version_of(folder) == FALLBACK
    _git(folder, "init", "-q")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "All")
    untagged = Version(_version_of(folder))
    assert Version(FALLBACK) < untagged
    assert untagged.is_devrelease
    _git(folder, "tag", "v3.0.0")
    assert _version_of(folder) == "3.0.0"
    shutil.unpack_archive(next(built.glob("*.tar.gz")), tmp_path)
    assert _version_of(tmp_path / "autotune_bo-9.8.7") == "9.8.7"


def test_page_on_an_index_has_links_that_lead_somewhere(wheel: Path):
    _, readme = version_and_readme_of(wheel)
    assert relative_links((ROOT / "README.md").read_text())
    assert relative_links(readme) == []
    for kind, path in re.findall(rf"{ADDRESS}/(blob|raw)/v9\.8\.7/([^)\s#\"]+)", readme):
        assert (ROOT / path).exists()
        assert (kind == "raw") == path.startswith("docs/images/")
    with ZipFile(wheel) as archive:
        [metadata] = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    assert f"Project-URL: Source, {ADDRESS}\n" in metadata
    assert f"Project-URL: Changelog, {ADDRESS}/blob/v9.8.7/CHANGELOG.md\n" in metadata


@pytest.mark.parametrize(
    ("version", "readme", "changelog", "said"),
    [
        ("0.2.0.dev3+gabc", "", "", "tag this commit"),
        ("0.2.0", "", "## [0.2.0]\n", "YEAR-MONTH-DAY"),
        ("0.2.0", "[a](docs/a.md)", "## [0.2.0] - 2026-12-31\n", "docs/a.md: set REPOSITORY_URL"),
    ],
)
def test_what_is_missing_for_a_release_is_said(version: str, readme: str, changelog: str, said: str):
    with pytest.raises(NotReleasedError, match=said):
        check(version, readme, changelog)


def test_release_with_all_that_it_needs_is_taken():
    check("0.2.0", f"[a]({ADDRESS}) [b](#b)", "## [0.2.0] - 2026-12-31\n")


def test_bill_of_materials_has_what_the_package_needs_and_no_more():
    names = needed([Requirement("sqlalchemy[asyncio]"), Requirement("scikit-learn")])
    assert {"sqlalchemy", "greenlet", "typing-extensions", "scikit-learn", "numpy"} <= names
    # These stand in extras of scikit-learn and others that nobody asked for, and are installed.
    assert names.isdisjoint({"pytest", "pandas", "matplotlib", "sphinx"})


def test_bill_of_materials_keeps_the_edges_between_what_it_keeps():
    bill = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"bom-ref": f"{name}==1", "name": name} for name in ("A", "b", "pytest")],
        "dependencies": [
            {"ref": "root", "dependsOn": ["A==1"]},
            {"ref": "A==1", "dependsOn": ["b==1", "pytest==1"]},
            {"ref": "pytest==1", "dependsOn": ["b==1"]},
        ],
    }
    kept = only(bill, {"a", "b"})
    assert [component["name"] for component in kept["components"]] == ["A", "b"]
    assert kept["dependencies"] == [{"ref": "root", "dependsOn": ["A==1"]}, {"ref": "A==1", "dependsOn": ["b==1"]}]


def test_each_extra_is_tried():
    assert CHECKS.keys() == {"base", *PROJECT["optional-dependencies"]}


def _interpreters() -> dict[str, str]:
    """The Pythons of this machine that the package is said to run on: this one, and those that pyenv has."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for said in PROJECT["classifiers"]:
        if match := re.fullmatch(r".*Python :: (3\.\d+)", said):
            programs = [
                *Path.home().glob(f".pyenv/versions/{match[1]}.*/bin/python"),
                shutil.which(f"python{match[1]}"),
            ]
            runs = [str(program) for program in programs if program and _runs(str(program))]
            found |= {match[1]: runs[0]} if runs and match[1] not in found else {}
    return found


def _runs(program: str) -> bool:
    # A shim of pyenv is there for versions that are not chosen, and fails.
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "extra" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--soak")
        pythons = _interpreters() if is_long else {"this Python": sys.executable}
        tried = [(python, extra) for python in pythons.values() for extra in (CHECKS if is_long else ["base"])]
        metafunc.parametrize(("python", "extra"), tried)


def test_wheel_works_where_nothing_else_is_installed(wheel: Path, python: str, extra: str):
    attempt(wheel, extra, python, ROOT / "constraints.txt")

"""What is published is what was tested: versions, the changelog and the workflows say the same."""

import re
import tomllib
from datetime import date

import pytest
import yaml
from deploy_files import ROOT
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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
    ("name", "job"), [("ci.yml", "pinned"), ("ci.yml", "newest"), ("weekly.yml", "coverage"), ("weekly.yml", "soak")]
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
    assert jobs["publish"]["needs"] == "build"


def test_changelog_has_a_dated_section_for_each_release_newest_first():
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    versions = [Version(heading[1]) for heading in released]
    dates = [date.fromisoformat(heading[2]) for heading in released]
    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert versions[0] == Version(PROJECT["version"])

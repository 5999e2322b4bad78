"""The Dockerfile follows the rules of its linter and our own."""

import re
import subprocess

from deploy_files import ROOT, dockerfile, stages
from programs import program_of

IMAGES = ("web", "worker")


def test_linter_finds_nothing():
    run = subprocess.run([program_of("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "")


def test_linter_finds_what_is_wrong(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text((ROOT / "Dockerfile").read_text().replace("python:3.11.15-slim-bookworm", "python:latest"))
    run = subprocess.run([program_of("hadolint"), wrong], capture_output=True, text=True)
    assert "DL3007" in run.stdout


def test_web_is_what_a_build_without_a_target_makes():
    assert list(stages())[-1] == "web"


def test_base_is_of_one_version():
    outside = {stage.base for stage in stages().values()} - set(stages())
    assert [base for base in outside if not re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base)] == []


def test_images_hold_no_compiler():
    # The slim base has none, and nothing that apt would bring is installed.
    runs = [arguments for name, arguments in dockerfile() if name == "RUN"]
    assert [run for run in runs if re.search(r"\b(apt|apt-get|gcc|build-essential)\b", run)] == []


def test_images_take_the_wheel_alone_from_where_it_was_built():
    copied = {target: stages()[target].of("COPY") for target in IMAGES}
    assert set(map(tuple, copied.values())) == {("--from=wheel /opt/autotune/dist ./dist",)}
    assert stages()["base"].of("COPY") == ["constraints.txt ./"]


def test_images_do_not_run_as_root():
    assert any("useradd --uid 10001" in run for run in stages()["base"].of("RUN"))
    for target in IMAGES:
        names = [name for name, _ in stages()[target].instructions]
        assert stages()[target].of("USER") == ["10001:10001"]
        assert not {"RUN", "COPY"} & set(names[names.index("USER") :])


def test_images_are_in_prod_mode_and_check_their_health():
    assert "AUTOTUNE_MODE=prod" in str(stages()["base"].of("ENV"))
    for target in IMAGES:
        assert "AUTOTUNE_MODE" not in str(stages()[target].instructions)
        assert len(stages()[target].of("HEALTHCHECK")) == 1

"""The nginx configuration that is shipped fits the service: its timeouts, its limits and its own words."""

import re
import shutil
import subprocess

import pytest
from deploy_files import ROOT

from autotune_service.settings import Settings
from autotune_service.web.blueprints.metrics import METRICS
from autotune_service.web.blueprints.portable import LONGEST_WAIT_S
from autotune_wire.paths import EXPERIMENT_IMPORT
from autotune_wire.portable import MAX_IMPORT_BYTES
from autotune_wire.problems import Problem

TEXT = (ROOT / "deploy" / "nginx" / "autotune.conf").read_text()


def directive(name: str, text: str = TEXT) -> str:
    found = re.findall(rf"^ +{name} +(.+);$", text, re.MULTILINE)
    assert len(found) == 1, f"{name}: {found}"
    return str(found[0])


def location(path: str) -> str:
    found = re.search(rf"location {path} {{\n(.*?)^    }}", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def most(name: str) -> float:
    (bound,) = [rule.le for rule in Settings.model_fields[name].metadata if hasattr(rule, "le")]
    return float(bound)


def test_no_reply_that_the_service_may_give_comes_too_late():
    everywhere = float(directive("proxy_read_timeout", TEXT.partition("location ")[0]).removesuffix("s"))
    assert everywhere > most("ask_wait_s")
    # Pings keep an idle websocket from being silent for longer.
    assert everywhere > Settings.model_fields["ping_s"].default
    imports = location(f"= {EXPERIMENT_IMPORT}")
    assert float(directive("proxy_read_timeout", imports).removesuffix("s")) > LONGEST_WAIT_S


def test_service_itself_says_what_is_too_long():
    assert int(directive("client_max_body_size").removesuffix("m")) * 2**20 > MAX_IMPORT_BYTES


def test_what_nginx_says_is_a_problem_document():
    text = re.search(r"return 503 '(.*)';", location("@no_reply"))
    assert text is not None
    problem = Problem.model_validate_json(text[1])
    assert (problem.status, problem.code) == (503, "unavailable")


def test_metrics_are_for_nobody_outside():
    assert directive("return", location(f"= {METRICS}")) == "404"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certificates_are_made_as_the_page_on_operations_says(tmp_path):
    page = (ROOT / "docs" / "operations.md").read_text()
    (block,) = re.findall(r"(?:^    .*\n)+", page[page.index("**A certificate authority of your own**") :], re.M)[:1]
    subprocess.run(["sh", "-ec", block], cwd=tmp_path, check=True, capture_output=True)
    # As strictly as Python checks from 3.13 on.
    check = ["openssl", "verify", "-x509_strict", "-verify_hostname", "tune.example.org", "-CAfile", "lab-ca.pem"]
    done = subprocess.run([*check, "fullchain.pem"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

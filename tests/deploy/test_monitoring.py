"""Alerts and the dashboard ask for metrics that the service exports, and each alert fires when it should."""

import json
import re
import shutil
import subprocess
from functools import cache
from itertools import combinations
from typing import Any

import promql_parser
import pytest
import yaml
from deploy_files import PROD, ROOT
from prometheus_client.parser import text_string_to_metric_families

from autotune_service.observing.metrics import Load, event_pushed, exposition, request_ended, websocket_closed

FOLDER = ROOT / "deploy" / "monitoring"
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_PROMETHEUS = {"job", "instance"}


@cache
def exported() -> dict[str, set[str]]:
    """The labels of each series that a scrape brings, by its name."""
    request_ended("GET", "none", 200, 0.0)
    websocket_closed("1000")
    event_pushed("live", 0.0)
    text = exposition(Load(n_experiments_due=0, n_questions_waiting=0, n_in_use=0, n_idle=0, n_max=1)).decode()
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def unknown_names(query: str) -> list[str]:
    """The series of a query that no scrape brings, and the labels that they do not have."""
    found: list[str] = []

    def look(expression: Any) -> None:
        if isinstance(expression, promql_parser.VectorSelector):
            name = str(expression.name)
            known = exported().get(name)
            labels = {matcher.name for matcher in expression.matchers.matchers}
            if known is None:
                found.append(name)
            else:
                found.extend(f"{name}.{label}" for label in labels - known - OF_PROMETHEUS)

    # The dashboard's variables are text to the parser.
    promql_parser.walk(promql_parser.parse(query), look)
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_asks_for_what_is_exported(alert):
    assert unknown_names(alert["expr"]) == []


@pytest.mark.parametrize("query", QUERIES)
def test_panel_asks_for_what_is_exported(query):
    assert unknown_names(query) == []


def test_name_and_label_that_are_not_exported_are_found():
    query = 'rate(autotune_requests[5m]) / sum(rate(autotune_requests_total{code="200"}[5m]))'
    assert unknown_names(query) == ["autotune_requests", "autotune_requests_total.code"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_has_a_paragraph_in_the_runbook(alert):
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert alert["alert"] in headings
    assert anchor == alert["alert"].lower()
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_runbook_names_no_alert_that_is_not_there():
    headings = re.findall(r"^### (Autotune\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert headings == [alert["alert"] for alert in ALERTS]


def test_each_alert_is_tried_in_a_healthy_hour_and_in_a_bad_one():
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    names = {alert["alert"] for alert in ALERTS}
    assert {tried["alertname"] for tried in tests[0]["alert_rule_test"]} == names
    expected = [case["exp_samples"][0]["value"] for test in tests[1:] for case in test["promql_expr_test"]]
    assert sum(expected) == len(names)


@pytest.mark.parametrize(
    "words", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]], ids=str
)
def test_prometheus_itself_finds_rules_and_settings_right(words):
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool")
    run = subprocess.run([program, *words], cwd=FOLDER, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_process_of_the_production_stack_is_scraped():
    (scrape,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    (found,) = scrape["dns_sd_configs"]
    exporting = {
        name
        for name, service in PROD.services.items()
        if "AUTOTUNE_METRICS_PORT" in service.get("environment", {}) and name != "backup"
    }
    assert set(found["names"]) == exporting
    assert {PROD.services[name]["environment"]["AUTOTUNE_METRICS_PORT"] for name in exporting} == {str(found["port"])}
    assert scrape["job_name"] == "autotune"


def test_panels_of_the_dashboard_have_numbers_of_their_own_and_do_not_overlap():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert [(one, other) for one, other in combinations(places, 2) if _overlap(one, other)] == []
    assert max(place["x"] + place["w"] for place in places) == 24


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "w"), ("y", "h"))
    )


def test_every_number_of_the_service_is_on_the_dashboard():
    asked = " ".join(QUERIES)
    families = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name in exported()
        if name.startswith("autotune_")
    }
    assert [name for name in sorted(families) if name not in asked] == []

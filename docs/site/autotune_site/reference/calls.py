"""The calls of the API."""

from collections.abc import Iterator

from autotune_service.domain.access import Rule
from autotune_site.reference.openapi import Call, body_of, description, replies_of
from autotune_site.reference.tables import fields, plain, table, type_of

_TITLES = {
    "auth": "Signing in",
    "user": "Accounts",
    "experiment": "Experiments",
    "sharing": "Sharing, groups and the audit",
    "insights": "Predictions and insights",
    "health": "Health",
}
"""The tags, in the order of the page."""


def lines() -> Iterator[str]:
    """Yield the calls, tag by tag."""
    _, calls = description()
    untitled = {call.operation["tags"][0] for call in calls} - _TITLES.keys()
    for tag, title in [*_TITLES.items(), *((tag, tag.capitalize()) for tag in sorted(untitled))]:
        yield from (f"## {title}", "")
        for call in calls:
            if call.operation["tags"][0] == tag:
                yield from _call(call)


def _call(call: Call) -> Iterator[str]:
    operation = call.operation
    yield from (f"### {call.method} {call.path}", "", operation["summary"], "")
    if operation.get("description"):
        yield from (plain(operation), "")
    yield from (_who(call.rule), "")
    yield from table(
        ("parameter", "where", "type", "meaning"),
        (
            (f"`{parameter['name']}`", parameter["in"], type_of(parameter["schema"]), plain(parameter))
            for parameter in operation["parameters"]
            if parameter["in"] != "path"
        ),
    )
    body = body_of(call)
    if body is not None:
        yield from ("The body:", "")
        yield from fields(body) if "properties" in body else (f"{type_of(body)}.", "")
    yield from (f"- {status}: {type_of(schema) if schema else 'no body'}" for status, schema in replies_of(call))
    yield ""


def _who(rule: Rule) -> str:
    if rule.scope is None:
        return "Anybody may call it."
    asked = [f"the scope `{rule.scope}`"]
    if rule.role is not None:
        asked.append(f"the role `{rule.role}` on the experiment, or a higher one")
    if rule.is_for_admins:
        asked.append("an admin")
    if rule.is_for_all:
        asked.append("a token for all experiments")
    return f"Needs {', and '.join(asked)}."

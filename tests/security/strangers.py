"""A stranger's experiments, with a marker in each text that the API lets a user write, and a number to find again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2

from autotune_wire.access import NewGroup, NewToken
from autotune_wire.base import IDEMPOTENCY_HEADER
from autotune_wire.candidates import CandidatesEdit
from autotune_wire.changes import Rename
from autotune_wire.experiments import NewExperiment, SpaceEdit
from autotune_wire.insights import Predict
from autotune_wire.observations import Correction, NoteEdit, Tell
from autotune_wire.pausing import Pause
from autotune_wire.suggestions import Abandon, Ask

MARKER = "zqplanted"
NUMBER = 48151.62342
KEYS = [f"a-key-of-the-stranger-{n}" for n in range(25)]

_INT, _CONT, _CAT = f"{MARKER} int", f"{MARKER} cont", f"{MARKER} cat"
_ACTIVE = {"active_if": {"covariate": _CAT, "values": [f"{MARKER} b"]}, "unit": f"{MARKER} u"}
_OPTIONS = {"options": [f"{MARKER} a", f"{MARKER} b"], "guess": f"{MARKER} a"}
_DESCRIPTORS = {f"{MARKER} {option}": {f"{MARKER} size": NUMBER, "idle": 1.0} for option in "ab"}
_COVARS: dict[str, Any] = {
    _INT: {"vtype": "int", "guess": 2, "min": 0, "max": 9},
    _CONT: {"vtype": "cont", "guess": 1.0, "min": 0.0, "max": NUMBER},
    _CAT: {"vtype": "cat", **_OPTIONS, "descriptors": _DESCRIPTORS},
    f"{MARKER} sub int": {"vtype": "int", "guess": 2, "min": 0, "max": 9, **_ACTIVE},
    f"{MARKER} sub cont": {"vtype": "cont", "guess": 1.0, "min": 0.0, "max": 2.0, **_ACTIVE},
    f"{MARKER} sub cat": {"vtype": "cat", **_OPTIONS, **_ACTIVE},
}
_LINEAR = {"ctype": "linear", "weights": {_INT: 1.0, _CONT: 1.0}, "relation": "<=", "bound": 1e6}
_FORBIDDEN = {"ctype": "forbidden", "combination": {_INT: [9], _CAT: [f"{MARKER} b"]}}
_RUN = {_INT: 3, _CONT: 7.5, _CAT: f"{MARKER} a"}
_GOAL, _LIMIT = f"{MARKER} goal", f"{MARKER} limit"
_FAILED = {"status": "failed", "failed_because": f"{MARKER} broke"}

NEW = {
    "name": f"{MARKER} name",
    "description": f"{MARKER} description",
    "covars": _COVARS,
    "responses": {_GOAL: {"goal": "maximize"}, _LIMIT: {"goal": ">=", "bound": -NUMBER}},
    "constraints": [_LINEAR, _FORBIDDEN],
    "early_stop": {"rule": "median", "response": _GOAL},
    "seed": 1,
}
_MEASURED = {"responses": {_GOAL: NUMBER, _LIMIT: 2.0}, "sds": {_GOAL: 0.5}}
_ROW = {**_RUN, _CONT: 9.25}
TELLS = [
    {"covars": _RUN, **_MEASURED},
    {"covars": _RUN, **_FAILED},
    {"observations": [{"covars": _RUN, **_MEASURED}, {"covars": _RUN, **_FAILED}]},
    {"covars_tell": json.dumps([_ROW]), "response_tell": json.dumps([{_GOAL: 1.0, _LIMIT: 2.0}])},
    {
        "csv": f"{_INT},{_CONT},{_CAT},{_GOAL},{_LIMIT},{MARKER} other\n4,8.5,{MARKER} a,1.5,2,x\n",
        "ignore": [f"{MARKER} other"],
    },
]
ASK = {"n": 1, "fixed": {_CAT: f"{MARKER} a"}, "worker": f"{MARKER} robot"}
ABANDON = {"reason": f"{MARKER} no time"}
NOTE = {"note": f"{MARKER} note", "tags": [f"{MARKER} tag"]}
CORRECTION = {"version": 1, "reason": f"{MARKER} slip", "covars": _RUN, **_MEASURED}
FAILURE = {"version": 1, "reason": f"{MARKER} slip", **_FAILED}
SPACE = {
    "covars": {**_COVARS, f"{MARKER} later": {"vtype": "cat", **_OPTIONS}},
    "constraints": [_LINEAR, _FORBIDDEN],
    "backfill": {f"{MARKER} later": f"{MARKER} b"},
}
PREDICT = {"configurations": [_RUN]}
_LISTED = {**_RUN, f"{MARKER} bottle": f"{MARKER} A-12", f"{MARKER} lot": NUMBER}
NEW_LIST = {
    "name": f"{MARKER} list",
    "covars": {name: _COVARS[name] for name in (_INT, _CONT, _CAT)},
    "candidates": [_LISTED],
}
CANDIDATES = {"add": [{**_LISTED, f"{MARKER} supplier": f"{MARKER} ACME"}], "withdraw": [1]}

BODIES: dict[type, list[Any]] = {
    NewExperiment: [NEW, NEW_LIST],
    Tell: TELLS,
    Ask: [ASK],
    Abandon: [ABANDON],
    NoteEdit: [NOTE],
    Correction: [CORRECTION, FAILURE],
    SpaceEdit: [SPACE],
    Predict: [PREDICT],
    CandidatesEdit: [CANDIDATES],
    Pause: [{"reason": f"{MARKER} pause"}],
    Rename: [{"name": f"{MARKER} renamed"}],
    NewGroup: [{"name": f"{MARKER} group"}],
    NewToken: [{"name": f"{MARKER} token", "scopes": ["read"]}],
}
"""The requests of the stranger, by the message of the contract that each is."""


def plant(client: httpx2.Client) -> dict[str, list[str]]:
    """Make the stranger's experiments; return the ids of all that was made, by the name that paths have for them."""

    keys = iter(KEYS)

    def post(path: str, body: Any) -> dict[str, Any]:
        reply = client.post(path, json=body, headers={IDEMPOTENCY_HEADER: next(keys)})
        assert reply.is_success, f"{path}: {reply.text}"
        found: dict[str, Any] = reply.json() if reply.content else {}
        return found

    exp_uuid = post("/experiment/new", NEW)["exp_uuid"]
    taken = post(f"/experiment/ask/{exp_uuid}", ASK)["suggestions"]
    given_up = taken[0]["suggestion_uuid"]
    post(f"/experiment/{exp_uuid}/report", {"suggestion_uuid": given_up, "step": 1, "value": NUMBER})
    post(f"/experiment/{exp_uuid}/abandon", ABANDON | {"suggestion_uuid": given_up})
    observed = []
    for tell in TELLS:
        reply = post(f"/experiment/tell/{exp_uuid}", tell)
        observed += [one["observation_uuid"] for one in reply["observations"]]
    at = f"/experiment/{exp_uuid}/observation"
    post(f"{at}/{observed[0]}/note", NOTE)
    post(f"{at}/{observed[0]}", CORRECTION)
    post(f"{at}/{observed[1]}", FAILURE | {"covars": _RUN})
    post(f"/experiment/{exp_uuid}/space", SPACE)
    post(f"/experiment/{exp_uuid}/predict", {"configurations": [{**_RUN, f"{MARKER} later": f"{MARKER} a"}]})
    leased = post(f"/experiment/ask/{exp_uuid}", {"worker": f"{MARKER} robot"})["suggestions"]
    post(f"/experiment/{exp_uuid}/rename", BODIES[Rename][0])
    post(f"/experiment/{exp_uuid}/pause", BODIES[Pause][0])
    listed = post("/experiment/new", NEW_LIST)["exp_uuid"]
    post(f"/experiment/{listed}/candidates", CANDIDATES)
    row = post(f"/experiment/ask/{listed}", {"n": 1})["suggestions"][0]
    group = post("/group", BODIES[NewGroup][0])
    post(f"/experiment/{exp_uuid}/share", {"group": group["name"], "role": "viewer"})
    token = post("/auth/tokens", BODIES[NewToken][0] | {"experiments": [exp_uuid]})
    export = client.get(f"/experiment/{exp_uuid}/export").json()
    imported = post("/experiment/import", export)["exp_uuid"]
    return {
        "exp_uuid": [exp_uuid, imported, listed],
        "suggestion_uuid": [given_up, row["suggestion_uuid"], *(one["suggestion_uuid"] for one in leased)],
        "observation_uuid": observed,
        "group_uuid": [group["group_uuid"]],
        "token_uuid": [token["token_uuid"]],
        "user_uuid": [client.get("/user/export").json()["user"]["uuid"]],
    }


def without_marker(schema: Mapping[str, Any], bodies: Sequence[Any]) -> Iterator[str]:
    """Yield the places of a message where a user may write a text, and where none of some bodies has the marker."""
    yield from _without_marker(schema, schema.get("$defs", {}), list(bodies), "")


def _without_marker(node: Mapping[str, Any], known: Mapping[str, Any], values: list[Any], place: str) -> Iterator[str]:
    if "$ref" in node:
        node = known[node["$ref"].rsplit("/", 1)[1]]
    for option in [*node.get("anyOf", []), *node.get("oneOf", [])]:
        yield from _without_marker(option, known, values, place)
    is_text = node.get("type") == "string" and not {"enum", "const", "format"} & set(node)
    if is_text and not any(isinstance(value, str) and MARKER in value for value in values):
        yield place
    dicts = [value for value in values if isinstance(value, dict)]
    named = node.get("properties", {})
    kinds = {name: one["const"] for name, one in named.items() if "const" in one}
    dicts = [value for value in dicts if all(value.get(name) == kind for name, kind in kinds.items())]
    for name, one in named.items():
        yield from _without_marker(one, known, [value[name] for value in dicts if name in value], f"{place}.{name}")
    if isinstance(node.get("additionalProperties"), dict):
        if not any(MARKER in name for value in dicts for name in value):
            yield f"{place}.<name>"
        inner = [one for value in dicts for one in value.values()]
        yield from _without_marker(node["additionalProperties"], known, inner, f"{place}.*")
    if isinstance(node.get("items"), dict):
        inner = [one for value in values if isinstance(value, list) for one in value]
        yield from _without_marker(node["items"], known, inner, f"{place}[]")

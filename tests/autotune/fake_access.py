"""The fake service with people: members of experiments, tokens for automation, groups and an audit."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx2
from fake_service import NOW, FakeService, problem

ME = "a@b.c"
SECRET = "autotune_" + "s3cr3t" * 6


class PeopleService(FakeService):
    """Shares, tokens and groups of one user, who owns every experiment.

    Attributes:
        members: Who has a role besides the owner, by address or by ``group NAME``.
        tokens: The tokens for automation, without their secrets.
        groups: The groups, by name.
        deeds: The audit, newest first.
        has_session: Whether the user's session is open.
        passwords: The password of each sign-in and, after a change, the new one; newest last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[str, str] = {}
        self.tokens: list[dict[str, Any]] = []
        self.groups: dict[str, dict[str, Any]] = {}
        self.deeds: list[dict[str, Any]] = []
        self.has_session = True
        self.passwords: list[str] = []

    def _give_tokens(self, path: str, request: httpx2.Request) -> httpx2.Response:
        if path.startswith("/auth/tokens"):
            return self._of_tokens(path, request)
        if path == "/auth/logout":
            self.has_session = False
            return httpx2.Response(204)
        if path == "/auth/token":
            self.passwords.append(parse_qs(request.content.decode())["password"][0])
        return super()._give_tokens(path, request)

    def _answer(self, path: str, request: httpx2.Request) -> httpx2.Response:
        parts = path.strip("/").split("/")
        if path == "/user/password":
            return self._change_password(json.loads(request.content))
        if parts[0] == "group":
            return self._of_groups(parts[1:], request)
        if parts[-1] in {"audit", "all"} and parts[0] in {"audit", "experiment"} and path != "/experiment/all":
            return self._audit(request)
        calls: dict[str, Callable[[dict[str, Any]], httpx2.Response | None]] = {
            "members": lambda _body: None,
            "share": self._share,
            "unshare": self._unshare,
            "transfer": lambda body: self._note("transferred", **body),
        }
        if parts[-1] in calls:
            refused = calls[parts[-1]](json.loads(request.content or "{}"))
            return refused or httpx2.Response(200, json=self._members(parts[1]))
        return super()._answer(path, request)

    def _change_password(self, body: dict[str, Any]) -> httpx2.Response:
        if body["old_password"] != self.passwords[-1]:
            errors = [{"field": "old_password", "message": "is not your password"}]
            return problem(422, "invalid", "a field is not valid", errors=errors)
        self.passwords.append(body["new_password"])
        if body["revoke_tokens"]:
            self.tokens.clear()
        return httpx2.Response(204)

    def _note(self, action: str, **data: Any) -> None:
        entry = {"number": len(self.deeds) + 1, "at": NOW, "by": ME, "way": "token", "address": "10.0.0.1"}
        self.deeds.insert(0, {**entry, "action": action, "exp_uuid": None, "data": data})

    def _share(self, body: dict[str, Any]) -> httpx2.Response | None:
        if body.get("group") is not None and body["group"] not in self.groups:
            errors = [{"field": "group", "message": "you own no group of this name", "value": body["group"]}]
            return problem(422, "invalid", "a field is not valid", errors=errors)
        self.members[body.get("email") or f"group {body['group']}"] = body["role"]
        self._note("shared", **body)
        return None

    def _unshare(self, body: dict[str, Any]) -> None:
        del self.members[body.get("email") or f"group {body['group']}"]

    def _members(self, exp_uuid: str) -> dict[str, Any]:
        owner = {"email": ME, "role": "owner", "has_account": True}
        others = [
            {"group": who.removeprefix("group "), "role": role}
            if who.startswith("group ")
            else {"email": who, "role": role, "has_account": False}
            for who, role in self.members.items()
        ]
        return {"exp_uuid": exp_uuid, "role": "owner", "members": [owner, *others]}

    def _of_tokens(self, path: str, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"tokens": self.tokens})
        if request.method == "DELETE":
            self.tokens = [one for one in self.tokens if not path.endswith(one["token_uuid"])]
            return httpx2.Response(204)
        body = {"experiments": None, **json.loads(request.content)}
        made = {"token_uuid": str(uuid4()), "time_created": NOW, "time_expires": None, "time_last_used": None, **body}
        self.tokens.insert(0, made)
        return httpx2.Response(201, json={**made, "token": SECRET})

    def _of_groups(self, parts: list[str], request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content or "{}")
        if request.method == "GET":
            return httpx2.Response(200, json={"groups": list(self.groups.values())})
        if not parts:
            made = {"group_uuid": str(uuid4()), "name": body["name"], "owner": ME, "emails": []}
            self.groups[body["name"]] = made
            return httpx2.Response(201, json=made)
        group = next(one for one in self.groups.values() if one["group_uuid"] == parts[0])
        if request.method == "DELETE":
            del self.groups[group["name"]]
            return httpx2.Response(204)
        change = group["emails"].append if parts[1] == "add" else group["emails"].remove
        change(body["email"])
        return httpx2.Response(200, json=group)

    def _audit(self, request: httpx2.Request) -> httpx2.Response:
        after, limit = request.url.params.get("after"), int(request.url.params["limit"])
        listed = [one for one in self.deeds if after is None or one["number"] < int(after)][: min(limit, self.page)]
        has_more = bool(listed) and listed[-1]["number"] > 1
        return httpx2.Response(200, json={"entries": listed, "next": listed[-1]["number"] if has_more else None})

"""What holds for every route there is."""

import asyncio
import json
import re
from uuid import uuid4

import pytest

from autotune_service.store.database import Store
from autotune_service.store.embedded import EmbeddedPostgres
from autotune_service.store.migrate import upgrade

PUBLIC = {
    "/auth/token",
    "/auth/refresh",
    "/auth/login",
    "/auth/logout",
    "/user/signup",
    "/user/reset",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/static/<path:filename>",
}

COVARS = {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 2}}
BODIES = {
    "/user/password": {"old_password": "x", "new_password": "a long enough one"},
    "/user/deactivate": {"password": "x"},
    "/user/delete": {"password": "x"},
    "/user/invitations": {"email": "a@b"},
    "/user/<uuid:user_uuid>/delete": {"email": "a@b"},
    "/experiment/new": {"name": "x", "covars": COVARS},
    "/experiment/import": {"format": 1},
    "/experiment/tell/<uuid:exp_uuid>": {"covars": {"n": 1}, "response": 1},
    "/experiment/<uuid:exp_uuid>/predict": {"configurations": [{"n": 1}]},
    "/experiment/<uuid:exp_uuid>/space": {"covars": COVARS},
    "/experiment/<uuid:exp_uuid>/renew": {"suggestion_uuids": [str(uuid4())]},
    "/experiment/<uuid:exp_uuid>/abandon": {"suggestion_uuid": str(uuid4())},
    "/experiment/<uuid:exp_uuid>/rename": {"name": "x"},
    "/experiment/<uuid:exp_uuid>/delete": {"name": "x"},
    "/experiment/<uuid:exp_uuid>/observation/<uuid:observation_uuid>/note": {"note": "x"},
    "/experiment/<uuid:exp_uuid>/observation/<uuid:observation_uuid>": {
        "version": 1,
        "reason": "a slip",
        "is_excluded": True,
    },
}


def rules(app):
    for rule in app.url_map.iter_rules():
        if not rule.websocket:
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield rule.rule, method


async def test_every_route_that_is_not_public_asks_who_is_there(app, client):
    protected = [(path, method) for path, method in rules(app) if path not in PUBLIC]
    assert len(protected) >= 10
    for path, method in protected:
        url = re.sub("<uuid:.*?>", str(uuid4()), path)
        reply = await client.open(url, method=method, json=BODIES.get(path, {}) if method == "POST" else None)
        assert reply.status_code == 401, f"{method} {path}"


async def test_every_route_is_described(client, app):
    paths = json.loads(await (await client.get("/openapi.json")).get_data())["paths"]
    for path, method in rules(app):
        if path not in {"/docs", "/openapi.json", "/static/<path:filename>", "/metrics"}:
            described = paths[re.sub("<uuid:(.*?)>", r"{\1}", path)][method.lower()]
            assert described["summary"]


async def test_api_page_needs_nothing_from_elsewhere(client):
    page = await (await client.get("/docs")).get_data(as_text=True)
    assert "swagger" in page.lower()
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/static/swagger-ui/{asset}" in page
        reply = await client.get(f"/static/swagger-ui/{asset}")
        assert reply.status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health_answers(client, path):
    assert (await client.get(path)).status_code == 200


async def test_ready_follows_the_database(app, client, tmp_path):
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    url = await asyncio.to_thread(postgres.start)
    await upgrade(url)
    store = Store(url, pool_size=2, timeout_s=2)
    await store.connect()
    object.__setattr__(app.extensions["autotune"], "store", store)
    assert (await client.get("/health/ready")).status_code == 200
    await asyncio.to_thread(postgres.stop)
    gone = await client.get("/health/ready")
    assert gone.status_code == 503
    assert gone.headers["Content-Type"] == "application/problem+json"
    assert int(gone.headers["Retry-After"]) > 0
    assert (await client.get("/health/live")).status_code == 200
    await asyncio.to_thread(postgres.start)
    assert (await client.get("/health/ready")).status_code == 200
    await store.disconnect()
    await asyncio.to_thread(postgres.stop)

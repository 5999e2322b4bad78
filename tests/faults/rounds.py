"""Calls that go on through a service that comes and goes, as a client's do."""

import time

import httpx2

from autotune_wire.base import IDEMPOTENCY_HEADER
from support import SPACE

AGAIN = {409, 502, 503, 504}


def make(client, **fields):
    body = {"name": "faults", "covars": SPACE, "seed": 1, **fields}
    reply = client.post("/experiment/new", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()["exp_uuid"]


def once(client, url, body, key):
    """Post with a key; None where there was no answer."""
    try:
        return client.post(url, json=body, headers={IDEMPOTENCY_HEADER: key})
    except httpx2.TransportError:
        return None


def until_answered(client, url, body, key, within_s=60):
    """Post with a key until there is an answer that stands."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        reply = once(client, url, body, key)
        if reply is not None and reply.status_code not in AGAIN:
            return reply
        if reply is not None and reply.status_code == 409 and reply.json()["code"] != "request_running":
            return reply
        time.sleep(0.02)
    raise AssertionError(f"no answer from {url}")


def history(client, exp_uuid):
    found, after = [], None
    while True:
        query = {"limit": 1000} | ({} if after is None else {"after": after})
        page = client.get(f"/experiment/{exp_uuid}/history", params=query).json()
        found += page["observations"]
        after = page["next"]
        if after is None:
            return found

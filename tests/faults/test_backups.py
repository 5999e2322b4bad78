"""A backup that is restored elsewhere is the same service, with another log."""

import asyncio

from rounds import history, make

from autotune_service.store.embedded import EmbeddedPostgres
from processes import run_autotune, wait_until
from raw_database import epoch_of

RUNS = [
    {"covars": {"v1": n % 6, "color": color, "weight": 20.0 * n}, "response": float(n * (7 - n))}
    for n, color in enumerate(["red", "green", "blue", "red", "green", "blue"])
]
LATER = {"covars": {"v1": 3, "color": "red", "weight": 150.0}, "response": 20.0}


async def test_promise_29_restored_backup_goes_on_as_the_original_would(start_service, tmp_path):
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "one.backup"
    service = start_service(data=old)
    with service.client() as client:
        exp_uuid = make(client)
        assert client.post(f"/experiment/tell/{exp_uuid}", json={"observations": RUNS}).status_code == 202
        before = state_of(client, exp_uuid)
    made = run_autotune("backup", str(file), "--data", str(old))
    assert made.returncode == 0, made.stderr
    restored = run_autotune("restore", str(file), "--data", str(new))
    assert restored.returncode == 0, restored.stderr
    other = start_service(data=new)
    with service.client() as client, other.client() as other_client:
        assert state_of(other_client, exp_uuid) == before
        assert after_one_more(other_client, exp_uuid) == after_one_more(client, exp_uuid)
    assert await epoch_in(old) != await epoch_in(new)


def state_of(client, exp_uuid):
    """What a user sees: the experiment, all that was told, and what to try next."""
    asked = asked_of(client, exp_uuid)
    return client.get(f"/experiment/{exp_uuid}").json(), history(client, exp_uuid), asked


def after_one_more(client, exp_uuid):
    assert client.post(f"/experiment/tell/{exp_uuid}", json=LATER).status_code == 202
    asked = asked_of(client, exp_uuid)
    assert asked["source"] == "model"
    return {name: asked[name] for name in ("covars", "mean", "sd", "reason", "seed", "data_rev")}


def asked_of(client, exp_uuid):
    def ask():
        reply = client.get(f"/experiment/ask/{exp_uuid}")
        return reply.json()["suggestions"][0] if reply.status_code == 200 else None

    return wait_until(ask, 120)


async def epoch_in(data):
    postgres = EmbeddedPostgres(data / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        return await epoch_of(url)
    finally:
        await asyncio.to_thread(postgres.stop)

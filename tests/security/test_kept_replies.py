"""What is kept of replies and shown in pages is bounded by bytes: a small request cannot fill a disk or a memory."""

import json

import pytest

from autotune_service.domain.reply_parts import Parted, put_together
from autotune_service.tuning import experiments, listing
from calling import get, post
from support import GUESS, make_experiment

LARGE = {
    f"c{i}": {"vtype": "cat", "guess": f"a{i}" + "x" * 90, "options": [f"a{i}" + "x" * 90, f"b{i}" + "y" * 90]}
    for i in range(30)
}


@pytest.mark.parametrize(
    "reply",
    [
        {"suggestions": [{"covars": {f"x{i}": i / 7 for i in range(60)}, "lease_until": "2026"}] * 9, "lost": []},
        {"name": "a" * 1300, "covars": {'é"\\\n': "\u2028" * 99}, "list": [[1, [2.5e-300, None]], {"a": {}}]},
        {"only": "small things", "but": list(range(900))},
    ],
)
def test_reply_put_together_is_the_reply(reply):
    text = json.dumps(reply, ensure_ascii=False, separators=(",", ":"))
    parted = Parted.of(text)
    if parted is None:
        assert "covars" not in reply
        return
    assert json.loads(put_together(parted.gaps, parted.hashes, parted.parts)) == reply
    assert put_together(parted.gaps, parted.hashes, parted.parts) == text


def test_part_that_comes_again_is_kept_once_and_small_replies_as_they_are():
    covars = {f"x{i}": i / 7 for i in range(60)}
    parted = Parted.of(json.dumps({"suggestions": [{"covars": covars, "n": n} for n in range(20)]}))
    assert (len(parted.hashes), len(parted.parts)) == (20, 1)
    assert Parted.of('{"covars": {"x": 1}}') is None


async def test_replies_to_renewals_take_little_and_come_back_byte_by_byte(client, headers, store):
    exp_uuid = (await make_experiment(client, headers, covars=LARGE))["exp_uuid"]
    _, asked = await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1})
    body = {"suggestion_uuids": [asked["suggestions"][0]["suggestion_uuid"]], "lease_s": 600}

    async def renew(key):
        reply = await client.post(
            f"/experiment/{exp_uuid}/renew", json=body, headers={**headers, "Idempotency-Key": key}
        )
        assert reply.status_code == 200
        return await reply.get_data()

    first, second = await renew("one"), await renew("two")
    assert first != second
    assert [await renew("one"), await renew("two")] == [first, second]
    async with store.work() as work:
        sizes = await work._connection.fetch("SELECT pg_column_size(r) AS n FROM autotune.answered_requests AS r")
        n_parts = await work._connection.fetchval("SELECT count(*) FROM autotune.reply_parts")
    assert max(row["n"] for row in sizes) < len(first) / 3
    assert n_parts == 1


async def test_pages_end_after_so_many_bytes_and_all_is_listed(client, headers, monkeypatch):
    monkeypatch.setattr(listing, "MAX_PAGE_BYTES", 3000)
    monkeypatch.setattr(experiments, "MAX_PAGE_BYTES", 400)
    made = [(await make_experiment(client, headers, name=f"e{i}"))["exp_uuid"] for i in range(5)]
    tell = f"/experiment/tell/{made[0]}"
    runs = [{"covars": GUESS | {"weight": float(i)}, "response": 1.0} for i in range(12)]
    assert (await post(client, tell, headers, {"observations": runs}))[0] == 202

    async def all_of(path, member, limit=50):
        found, n_pages, after = [], 0, ""
        while after is not None:
            _, page = await get(client, f"{path}?limit={limit}{after and f'&after={after}'}", headers)
            found, n_pages, after = found + page[member], n_pages + 1, page["next"]
        return found, n_pages

    listed, n_pages = await all_of("/experiment/all", "experiments")
    assert [one["exp_uuid"] for one in listed] == made[::-1]
    assert n_pages > 1
    told, n_pages = await all_of(f"/experiment/{made[0]}/history", "observations")
    assert [one["covars"]["weight"] for one in told] == [float(i) for i in range(12)]
    assert n_pages > 1
    assert len((await all_of(f"/experiment/{made[0]}/history", "observations", limit=2))[0]) == 12
    _, newest = await get(client, f"/experiment/{made[0]}/history?newest=10", headers)
    assert newest["observations"][-1]["covars"]["weight"] == 11.0
    assert newest["first_number"] == 12 - len(newest["observations"]) + 1 > 3

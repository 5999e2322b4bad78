"""Tells that are posted at once: every one is stored, and the engine runs for all of them together."""

import asyncio

from autotune_service.compute.pool import Pool
from autotune_service.compute.worker import Worker
from support import GUESS, make_experiment, running

N_TELLS = 10


class GatedPool(Pool):
    """Holds the first problem back until the gate opens, and counts them all."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(1, 1)
        self._pool = pool
        self.n_runs = 0
        self.first = asyncio.Event()
        self.gate = asyncio.Event()

    async def warm(self) -> None:
        pass

    async def work(self, job, within_s=None):
        self.n_runs += 1
        self.first.set()
        await self.gate.wait()
        return await self._pool.work(job)


async def test_ten_tells_at_once_are_ten_observations_and_fewer_engine_runs(client, headers, store, database_url, pool):
    gated = GatedPool(pool)
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]

    async def tell(n):
        body = {"covars": GUESS | {"weight": float(n)}, "response": float(n)}
        return await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)

    async with running(Worker("tests", store, database_url, gated).run()):
        telling = [asyncio.create_task(tell(n)) for n in range(N_TELLS)]
        await gated.first.wait()
        replies = await asyncio.gather(*telling)
        gated.gate.set()
        asked = await (await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)).get_json()

    assert [reply.status_code for reply in replies] == [202] * N_TELLS
    assert asked["suggestions"][0]["data_rev"] == N_TELLS
    # One for the tells that came before the engine started, one for those that came while it ran.
    assert gated.n_runs <= 2
    history = await (await client.get(f"/experiment/{exp_uuid}/history", headers=headers)).get_json()
    assert sorted(one["response"] for one in history["observations"]) == [float(n) for n in range(N_TELLS)]
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        last_seq = (await (await client.get(f"/experiment/{exp_uuid}", headers=headers)).get_json())["last_seq"]
        seqs = [(await socket.receive_json())["seq"] for _ in range(last_seq)]
    assert seqs == list(range(1, last_seq + 1))

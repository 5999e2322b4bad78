"""Play one schedule on a bench and gather the evidence."""

import asyncio
import contextlib
import json
import shutil
import signal
import threading
import time
from uuid import uuid4

import asyncpg
from clients import Client, Shared, User
from judge.evidence import Fork, History, Tables
from schedule import LENGTH_S, Fault
from servers import ASK_WAIT_S, Bench, Postgres, Process
from watchers import Watcher

N_CLIENTS = 7
_LEAST = 120
_LONGEST_S = 8.0
_REST_WITHIN_S = 45.0
_FULL = """
CREATE OR REPLACE FUNCTION public.judged_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
GRANT EXECUTE ON FUNCTION public.judged_full() TO autotune;
SET lock_timeout = '3s';
CREATE OR REPLACE TRIGGER judged_full BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION public.judged_full();
"""
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'autotune'"


class Play:
    """One schedule: faults strike while clients and watchers are at work."""

    def __init__(self, bench: Bench, seed: int, faults: list[Fault]) -> None:
        self._bench = bench
        self._faults = faults
        self._forks: list[Fork] = []
        self._locks: dict[object, threading.Lock] = {one: threading.Lock() for one in bench.processes}
        self._locks[Postgres] = threading.Lock()
        self._failures: list[BaseException] = []
        self._user = User(bench.ports, f"user-{uuid4().hex}@example.org")
        self._shared = Shared()
        self._clients = [Client(i, self._user, self._shared, str(seed)) for i in range(N_CLIENTS)]
        self._watchers: list[Watcher] = []

    def run(self) -> History:
        """Play the schedule, wait until all is at rest, and return what was seen."""
        self._user.sign_up()
        first, second = self._clients[0].create(), self._clients[0].create()
        assert "" not in {first, second}, self._shared.operations[-1].attempts[:2]
        self._watchers = [
            Watcher("steady", self._user, 0, first, is_cut=False),
            Watcher("cut", self._user, None, first, is_cut=True),
            Watcher("all", self._user, 1, None, is_cut=False),
            Watcher("all, cut", self._user, None, None, is_cut=True),
        ]
        began = time.monotonic()
        threads = [threading.Thread(target=self._strike, args=(one, began), daemon=True) for one in self._faults]
        for thread in [*self._watchers, *self._clients, *threads]:
            thread.start()
        while not self._is_enough(time.monotonic() - began):
            time.sleep(0.05)
        for thread in threads:
            thread.join(60)
        self.times = [time.monotonic() - began]
        for client in self._clients:
            client.stopping.set()
        for watcher in self._watchers:
            watcher.calm.set()
        for client in self._clients:
            client.join(90)
            if client.is_alive():
                self._failures.append(AssertionError(f"{client.name} is still at work"))
            if client.failure is not None:
                self._failures.append(client.failure)
        if self._failures:
            raise self._failures[0]
        self.times.append(time.monotonic() - began)
        unrested = asyncio.run(self._rest())
        self.times.append(time.monotonic() - began)
        self._let_watchers_come(asyncio.run(self._ends()))
        tables = asyncio.run(self._tables())
        return History(
            operations=[one for one in self._shared.operations if one.attempts],
            watchers=[watcher.watched for watcher in self._watchers],
            tables=tables,
            forks=self._forks,
            unrested=unrested,
            ask_wait_s=ASK_WAIT_S,
        )

    def _is_enough(self, lasted_s: float) -> bool:
        """Whether clients have done their work: a busy machine gets longer to do as much."""
        return lasted_s >= LENGTH_S and (len(self._shared.operations) >= _LEAST or lasted_s >= _LONGEST_S)

    def _strike(self, fault: Fault, began: float) -> None:
        time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
        try:
            self._struck(fault)
        except BaseException as error:  # noqa: BLE001 -- a thread's boundary: ``run`` raises it
            self._failures.append(error)

    def _struck(self, fault: Fault) -> None:
        verb, *what = fault.kind.split()
        bench = self._bench
        where = fault.kind
        if fault.kind in {"kill service", "pause service", "clock of service"}:
            self._on_process(bench.services[fault.target], fault)
        elif fault.kind in {"kill worker", "pause worker", "clock of worker", "kill engine"}:
            self._on_process(bench.workers[fault.target], fault)
        elif where.endswith(("database", "database answers", "clients", "client answers", "lines")):
            self._on_line(fault)
        else:
            with self._locks[Postgres]:
                if verb == "failover":
                    self._fail_over(fault, is_synchronous=what == ["synchronous"])
                elif verb in {"kill", "pause"}:
                    self._on_postgres(fault)
                else:
                    asyncio.run(self._refuse(fault))

    def _on_process(self, process: Process, fault: Fault) -> None:
        verb = fault.kind.split()[0]
        with self._locks[process]:
            if fault.kind == "kill engine":
                until = time.monotonic() + fault.lasts_s
                while time.monotonic() < until:
                    process.kill_engine()
                    time.sleep(0.1)
            elif verb == "kill":
                process.kill()
                time.sleep(fault.lasts_s)
                process.start()
                if not process.is_worker:  # a worker gets ready while clients go on
                    process.wait()
            elif verb == "pause":
                if process.is_worker:
                    asyncio.run(self._stop_in_a_fit(process))
                else:
                    process.signal(signal.SIGSTOP)
                time.sleep(fault.lasts_s)
                process.signal(signal.SIGCONT)
            else:
                process.shift(fault.shift_s)
                time.sleep(fault.lasts_s)
                process.shift(0.0)

    async def _stop_in_a_fit(self, worker: Process) -> None:
        """Stop a worker that holds a claim; one that holds none in two seconds is stopped as it is."""
        held = "SELECT 1 FROM experiments WHERE lease_until > now() AND split_part(lease_by, ':', 2) = $1"
        deadline = time.monotonic() + 2
        while True:
            worker.signal(signal.SIGSTOP)
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                if await self._bench.postgres.rows(held, str(worker.pid)):
                    return
            if time.monotonic() > deadline:
                return
            worker.signal(signal.SIGCONT)
            await asyncio.sleep(0.02)

    def _on_line(self, fault: Fault) -> None:
        service = self._bench.services[fault.target]
        process = (
            [*self._bench.services, *self._bench.workers][fault.target * 2] if "database" in fault.kind else service
        )
        if fault.kind == "slow lines":
            lines = [service.front, service.database]
        else:
            lines = [process.database if "database" in fault.kind else service.front]
        states = {"cut": "cut", "hold": "held", "lose": "no answers", "slow": "slow"}
        with self._locks[process] if "database" in fault.kind else contextlib.nullcontext():
            for line in lines:
                assert line is not None
                line.set(states[fault.kind.split()[0]])  # type: ignore[arg-type]
            time.sleep(fault.lasts_s)
            for line in lines:
                assert line is not None
                line.set("fine")

    def _on_postgres(self, fault: Fault) -> None:
        postgres = self._bench.postgres
        if fault.kind == "kill postgres":
            postgres.kill()
            time.sleep(fault.lasts_s)
            postgres.start()
        elif fault.kind == "kill backend":
            for backend in postgres.backends[fault.target :][:1]:
                backend.kill()
            time.sleep(fault.lasts_s)
        else:
            postgres.signal_all(signal.SIGSTOP)
            time.sleep(fault.lasts_s)
            postgres.signal_all(signal.SIGCONT)

    async def _refuse(self, fault: Fault) -> None:
        run = self._bench.postgres.rows
        if fault.kind == "disk full":
            for statement in _FULL.split(";\n"):
                if "SET lock" in statement or not statement.strip():
                    continue
                await run(statement)
            await asyncio.sleep(fault.lasts_s)
            await run("DROP TRIGGER judged_full ON events")
        elif fault.kind == "read only":
            await run("ALTER SYSTEM SET default_transaction_read_only = on")
            await run("SELECT pg_reload_conf()")
            await asyncio.sleep(fault.lasts_s)
            await run("ALTER SYSTEM RESET default_transaction_read_only")
            await run("SELECT pg_reload_conf()")
        else:
            refused, allowed = {
                "login refused": ("NOLOGIN", "LOGIN"),
                "connection limit": ("CONNECTION LIMIT 4", "CONNECTION LIMIT -1"),
            }[fault.kind]
            await run(f"ALTER ROLE autotune {refused}")
            await run(_CUT)
            await asyncio.sleep(fault.lasts_s)
            await run(f"ALTER ROLE autotune {allowed}")

    def _fail_over(self, fault: Fault, *, is_synchronous: bool) -> None:
        """Lose the server and promote its standby, which lagged unless it is synchronous."""
        bench, old = self._bench, self._bench.postgres
        line = bench.lines.open(old.port)
        standby = old.standby(*bench.place(), line).start()
        if is_synchronous:
            asyncio.run(self._synchronous(old))
        else:
            time.sleep(0.3)  # until the standby has what it was made with
            line.set("held")
        lagged_at = time.time()
        time.sleep(fault.lasts_s)
        old.kill()
        at = time.time()
        line.set("cut")
        asyncio.run(standby.rows("SELECT pg_promote(true, 30)"))
        bench.postgres = standby
        for process in bench.processes:
            process.database.point(standby.port)
        old.close()
        shutil.rmtree(old.folder)
        if not is_synchronous:
            self._forks.append(Fork(lagged_at - 0.3, at))

    @staticmethod
    async def _synchronous(old: Postgres) -> None:
        await old.rows("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await old.rows("SELECT pg_reload_conf()")
        for _ in range(200):
            states = await old.rows("SELECT sync_state FROM pg_stat_replication")
            if [row["sync_state"] for row in states] == ["sync"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the standby is not synchronous")

    async def _rest(self) -> list[str]:
        """Wait until nothing is due any more; return what still is after a long time."""
        due = (
            "SELECT exp_uuid, state, data_rev, fit_rev, n_open, n_wanted, retry_at FROM experiments "
            "WHERE exp_uuid = ANY($1::uuid[]) AND state = 'active' AND (data_rev > fit_rev OR n_open < 1)"
        )
        held = (
            "SELECT exp_uuid, suggestion_uuid, lease_by, lease_until FROM suggestions WHERE state = 'leased' "
            "AND exp_uuid = ANY($1::uuid[]) AND lease_until < now() - interval '0.5 s'"
        )
        deadline = time.monotonic() + _REST_WITHIN_S
        found: list[str] = []
        while time.monotonic() < deadline:
            for process in self._bench.processes:
                if not process.is_running:
                    process.start().wait()  # it ended as it found no database, and its supervisor starts it again
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                found = [
                    str(dict(row))
                    for query in (due, held)
                    for row in await self._bench.postgres.rows(query, self._shared.experiments)
                ]
                if not found:
                    return []
            await asyncio.sleep(0.1)
        return found or ["the database was away"]

    async def _tables(self) -> dict[str, Tables]:
        """Read the rows of all experiments of the user, all of one moment."""
        parts = {
            "experiments": "exp_uuid",
            "events": "seq",
            "observations": "seq",
            "observation_versions": "version",
            "suggestions": "seq",
        }
        selects = [
            f"(SELECT '{name}' AS name, row_to_json({name})::text AS row FROM {name} WHERE exp_uuid IN "
            "(SELECT exp_uuid FROM experiments JOIN users ON owner_uuid = user_uuid WHERE email = $1) "
            f"ORDER BY {order})"
            for name, order in parts.items()
        ]
        rows = await self._bench.postgres.rows(" UNION ALL ".join(selects), self._user.email)
        found = {name: [json.loads(row["row"]) for row in rows if row["name"] == name] for name in parts}
        tables = {row["exp_uuid"]: Tables(row) for row in found["experiments"]}
        for name, attribute in (
            ("events", "events"),
            ("observations", "observations"),
            ("observation_versions", "versions"),
            ("suggestions", "suggestions"),
        ):
            for row in found[name]:
                getattr(tables[row["exp_uuid"]], attribute).append(row)
        return tables

    async def _ends(self) -> dict[str, int]:
        query = "SELECT exp_uuid, last_seq FROM experiments WHERE exp_uuid = ANY($1::uuid[])"
        rows = await self._bench.postgres.rows(query, self._shared.experiments)
        return {str(row["exp_uuid"]): row["last_seq"] for row in rows}

    def _let_watchers_come(self, ends: dict[str, int]) -> None:
        """Wait until the watchers are where the logs ended, as they should be soon."""
        deadline = time.monotonic() + 8
        for watcher in self._watchers:
            watched = watcher.watched
            watched.ends = {uuid: seq for uuid, seq in ends.items() if watched.exp_uuid in {None, uuid}}
            while time.monotonic() < deadline:
                if all(watcher.positions.get(uuid, 0) >= seq for uuid, seq in watched.ends.items()):
                    break
                time.sleep(0.03)
        for watcher in self._watchers:
            watcher.stopping.set()
        for watcher in self._watchers:
            watcher.join(10)

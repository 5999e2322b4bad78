"""The brake on sign-ins: who is told to wait, who is not, and that it outlasts processes."""

import asyncio
import itertools
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from autotune_service.domain.brakes import BrakeRules, Pot, charged, network_of, rested, wait_s
from autotune_service.domain.errors import TooManyError, UnauthenticatedError
from autotune_service.security.same_checks import SameChecks
from autotune_service.security.turns import Turns
from autotune_service.store.rows.people import update_user
from autotune_service.store.rows.users import get_user_by_email
from autotune_service.tuning.brakes import Attempt, Brakes
from autotune_wire.accounts import Signup
from support import PASSWORD

ADA = "ada@example.org"
_numbers = itertools.count()
TIGHT = BrakeRules(attempts=4, forget_s=3600, pause_s=60, hold_s=0.05)


class NoHashes:
    """Stands in for argon2, which takes a quarter of a second each time; what it hashes is the password itself."""

    def __init__(self):
        self.n_checks = 0

    async def hash(self, password):
        return password

    async def is_right(self, password, password_hash):
        self.n_checks += 1
        await asyncio.sleep(0)
        return password == password_hash


@pytest.fixture
def tight(accounts):
    return replace(accounts, passwords=NoHashes(), brakes=Brakes(accounts.store, TIGHT))


@pytest.fixture
async def ada(tight):
    await tight.sign_up(Signup(email=ADA, password=PASSWORD), "10.9.9.9")


async def fail(accounts, n, address, email=ADA):
    """Fail so many times, each with another password; return how many of them were refused unchecked."""
    n_refused = 0
    for _ in range(n):
        try:
            await accounts.sign_in(email, f"wrong {next(_numbers)}", address)
        except TooManyError:
            n_refused += 1
        except UnauthenticatedError:
            pass
    return n_refused


def test_each_pause_is_twice_as_long_up_to_the_longest():
    pot, pauses = Pot(), []
    for _ in range(40):
        pot = charged(replace(pot, opens_in_s=0.0), BrakeRules(attempts=4, pause_s=3, longest_pause_s=20))
        if pot.opens_in_s:
            pauses.append(pot.opens_in_s)
    assert pauses[:5] == [3, 6, 12, 20, 20]


def test_attempts_and_pauses_are_forgotten_with_time():
    rules = BrakeRules(forget_s=10, calm_s=900)
    assert rested(Pot(used=3.0, level=2, idle_s=25.0), rules).used == pytest.approx(0.5)
    assert rested(Pot(used=3.0, level=2, idle_s=1000.0), rules) == Pot(level=1)
    assert rested(Pot(used=3.0, level=2, idle_s=-5.0, opens_in_s=5.0), rules).used == 3.0


def test_stranger_has_one_attempt_at_an_account_that_is_attacked():
    assert wait_s(Pot(), BrakeRules(), has_one_attempt=True) == 0
    assert wait_s(Pot(used=0.5), BrakeRules(forget_s=10), has_one_attempt=True) == 5
    assert wait_s(Pot(used=0.5), BrakeRules(forget_s=10)) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("<local>", "<local>"),
    ],
)
def test_one_customer_of_a_provider_counts_as_one_address(address, network):
    assert network_of(address) == network


async def test_promise_25_address_that_fails_too_often_is_refused_before_the_password_is_checked(tight, ada):
    assert await fail(tight, 7, "10.0.0.1") == 3
    assert tight.passwords.n_checks == 4
    with pytest.raises(TooManyError) as caught:
        await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    assert 50 <= caught.value.retry_after_s <= 60
    assert tight.passwords.n_checks == 4


async def test_promise_25_pause_outlasts_a_restart_and_holds_at_every_replica(tight, ada):
    await fail(tight, 4, "10.0.0.1")
    replica = replace(tight, brakes=Brakes(tight.store, TIGHT))
    with pytest.raises(TooManyError):
        await replica.sign_in(ADA, PASSWORD, "10.0.0.1")


async def test_strangers_keep_nobody_out_from_another_address(tight, ada):
    for number in range(5):
        await fail(tight, 5, f"10.0.1.{number}")
    assert (await tight.sign_in(ADA, PASSWORD, "10.7.7.7")).email == ADA


async def test_stranger_has_one_guess_from_each_of_many_addresses(tight, ada):
    for number in range(2):
        await fail(tight, 4, f"10.0.1.{number}")
    assert await fail(tight, 3, "10.0.1.77") == 2
    assert await fail(tight, 1, "10.0.1.77", "bob@example.org") == 0


async def test_who_signed_up_from_an_address_is_known_there(tight, ada):
    for number in range(2):
        await fail(tight, 4, f"10.0.1.{number}")
    assert await fail(tight, 3, "10.9.9.9") == 0
    assert (await tight.sign_in(ADA, PASSWORD, "10.9.9.9")).email == ADA


async def test_who_signs_up_with_the_address_of_somebody_is_a_stranger_to_the_account(tight, ada):
    await tight.sign_up(Signup(email=ADA, password="words of a stranger"), "10.0.1.77")
    for number in range(2):
        await fail(tight, 4, f"10.0.1.{number}")
    assert await fail(tight, 1, "10.0.1.77") == 1


async def test_neighbour_who_fails_keeps_nobody_out_who_signed_in_from_there_before(tight, ada):
    await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    assert await fail(tight, 6, "10.0.0.1", "eve@example.org") == 2
    assert (await tight.sign_in(ADA, PASSWORD, "10.0.0.1")).email == ADA


async def test_sign_in_that_succeeds_empties_the_pot_of_its_own_address_alone(tight, ada):
    await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    for _ in range(3):
        assert await fail(tight, 3, "10.0.0.1") == 0
        await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    assert await fail(tight, 3, "10.0.0.1", "bob@example.org") == 0
    await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    assert await fail(tight, 2, "10.0.0.1", "bob@example.org") == 1


async def test_failed_sign_ins_sign_ups_and_refreshes_draw_on_one_pot(tight, sessions, ada):
    await fail(tight, 2, "10.0.0.1")
    await tight.sign_up(Signup(email="b@c.d", password=PASSWORD), "10.0.0.1")
    with pytest.raises(UnauthenticatedError):
        async with tight.brakes.secret("10.0.0.1"):
            await sessions.refresh("nonsense")
    with pytest.raises(TooManyError):
        await tight.sign_up(Signup(email="c@d.e", password=PASSWORD), "10.0.0.1")
    with pytest.raises(TooManyError):
        async with tight.brakes.secret("10.0.0.1"):
            await sessions.refresh("nonsense")


async def test_right_refresh_token_is_taken_from_an_address_that_must_wait(tight, sessions, ada):
    user = await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    tokens = await sessions.open_program(user.user_uuid)
    await fail(tight, 5, "10.0.0.1", "eve@example.org")
    async with tight.brakes.secret("10.0.0.1"):
        assert (await sessions.refresh(tokens.refresh_token)).refresh_token


async def test_refresh_token_that_was_used_is_no_guess(tight, sessions, ada):
    user = await tight.sign_in(ADA, PASSWORD, "10.0.0.1")
    used = (await sessions.open_program(user.user_uuid)).refresh_token

    async def present():
        async with tight.brakes.secret("10.0.0.1"):
            await sessions.refresh(used)

    results = await asyncio.gather(*(present() for _ in range(10)), return_exceptions=True)
    assert [type(one) for one in results].count(UnauthenticatedError) == 9
    await tight.sign_up(Signup(email="b@c.d", password=PASSWORD), "10.0.0.1")


async def test_request_is_held_for_its_turn_before_it_is_refused(tight, ada):
    soon = replace(tight, brakes=Brakes(tight.store, replace(TIGHT, pause_s=0.2, hold_s=5)))
    await fail(soon, 4, "10.0.0.1")
    began = time.monotonic()
    with pytest.raises(UnauthenticatedError):
        await soon.sign_in(ADA, "wrong again", "10.0.0.1")
    assert 0.1 < time.monotonic() - began < 5


async def test_promise_25_unknown_address_costs_a_check_as_any_other(tight, ada):
    for email in (ADA, "nobody@example.org"):
        with pytest.raises(UnauthenticatedError):
            await tight.sign_in(email, "wrong", "10.0.0.1")
    assert tight.passwords.n_checks == 2


async def test_same_wrong_password_is_checked_once(tight, ada):
    sent = [tight.sign_in(ADA, "wrong", "10.0.0.1") for _ in range(30)]
    errors = await asyncio.gather(*sent, return_exceptions=True)
    assert tight.passwords.n_checks == 1
    assert {type(error) for error in errors} == {UnauthenticatedError, TooManyError}
    assert (await tight.sign_in(ADA, PASSWORD, "10.0.0.1")).email == ADA


async def test_workers_that_start_together_share_one_check(tight, ada):
    users = await asyncio.gather(*(tight.sign_in(ADA, PASSWORD, "10.0.0.1") for _ in range(50)))
    assert {user.email for user in users} == {ADA}
    assert tight.passwords.n_checks == 1


async def test_password_that_was_wrong_a_moment_ago_is_taken_when_it_became_the_right_one(tight, ada):
    with pytest.raises(UnauthenticatedError):
        await tight.sign_in(ADA, "the words of tomorrow", "10.0.0.1")
    async with tight.store.work() as work:
        user = await get_user_by_email(work, ADA)
        await update_user(work, user.user_uuid, password_hash="the words of tomorrow")
    assert (await tight.sign_in(ADA, "the words of tomorrow", "10.0.0.1")).email == ADA


async def test_check_goes_on_when_its_caller_hangs_up():
    checks, ended = SameChecks(10), asyncio.Event()

    async def check():
        await asyncio.sleep(0.01)
        ended.set()

    caller = asyncio.create_task(checks.result(b"", check))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    await asyncio.wait_for(ended.wait(), 5)


async def test_flood_from_one_address_leaves_a_turn_for_the_others():
    turns, order = Turns(2), []

    async def have(address):
        with suppress(TooManyError):
            async with turns.turn(address, 5):
                order.append(address)
                await asyncio.sleep(0.005)

    flood = [asyncio.create_task(have("flood")) for _ in range(300)]
    await asyncio.sleep(0)
    await have("honest")
    assert order.index("honest") <= 2
    await asyncio.gather(*flood)
    assert 30 <= order.count("flood") <= 33


async def test_turn_that_comes_to_nobody_is_given_on():
    turns = Turns(1)
    async with turns.turn("a", 1):
        waiting = asyncio.create_task(turns.turn("b", 60).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        with pytest.raises(TooManyError):
            async with turns.turn("c", 0.01):
                pass
    async with turns.turn("c", 1):
        pass


async def test_refusal_says_when_to_try_again(client, app):
    accounts = app.extensions["autotune"].accounts
    strict = replace(accounts, passwords=NoHashes(), brakes=Brakes(accounts.store, TIGHT))
    object.__setattr__(app.extensions["autotune"], "accounts", strict)
    for number in range(5):
        form = {"username": ADA, "password": f"wrong {number}"}
        reply = await client.post("/auth/token", form=form)
    problem = await reply.get_json()
    assert (reply.status_code, problem["code"]) == (429, "too_many")
    assert 50 <= int(reply.headers["Retry-After"]) <= 60
    assert f"try again in {reply.headers['Retry-After']} s" in problem["detail"]


def test_pot_of_an_account_does_not_name_it():
    attempt = Attempt.of("10.0.0.1", ADA)
    assert ADA not in attempt.at_account + attempt.at_both

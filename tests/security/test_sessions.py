"""Sessions: refresh tokens that follow each other, signing out, and what is left of a token that was stolen."""

import asyncio

import pytest

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.security.tokens import token_hash
from autotune_service.store.rows.sessions import end_sessions_of


async def refreshed(sessions, *refresh_tokens):
    """The replies to refresh tokens that come at the same moment; None for each that was refused."""
    results = await asyncio.gather(*(sessions.refresh(token) for token in refresh_tokens), return_exceptions=True)
    assert all(not isinstance(one, Exception) or isinstance(one, UnauthenticatedError) for one in results)
    return [None if isinstance(one, Exception) else one for one in results]


async def has_ended(sessions, access_token):
    sessions.forget()
    try:
        await sessions.caller_of_bearer(access_token)
    except UnauthenticatedError:
        return True
    return False


async def age_use(database, refresh_token, seconds):
    """Let the use of a refresh token lie longer ago."""
    await database.execute(
        f"UPDATE refresh_tokens SET used_at = used_at - interval '{seconds} s' WHERE token_hash = $1",
        token_hash(refresh_token),
    )


async def test_promise_23_of_twenty_presentations_at_a_moment_one_has_a_child_that_works(sessions, user_uuid):
    first = await sessions.open_program(user_uuid)
    results = await refreshed(sessions, *[first.refresh_token] * 20)
    (child,) = [one for one in results if one is not None]
    assert not await has_ended(sessions, child.access_token)
    assert (await refreshed(sessions, child.refresh_token))[0] is not None


async def test_reply_that_was_lost_is_asked_for_again(sessions, user_uuid):
    first = await sessions.open_program(user_uuid)
    (lost,) = await refreshed(sessions, first.refresh_token)
    (again,) = await refreshed(sessions, first.refresh_token)
    assert again is not None
    assert (await refreshed(sessions, again.refresh_token))[0] is not None
    assert (await refreshed(sessions, lost.refresh_token))[0] is None


async def test_child_that_was_replaced_ends_the_session_when_it_comes(sessions, user_uuid):
    first = await sessions.open_program(user_uuid)
    (lost,) = await refreshed(sessions, first.refresh_token)
    (again,) = await refreshed(sessions, first.refresh_token)
    with pytest.raises(UnauthenticatedError, match="came twice"):
        await sessions.refresh(lost.refresh_token)
    assert await has_ended(sessions, again.access_token)
    assert (await refreshed(sessions, again.refresh_token))[0] is None


@pytest.mark.parametrize("seconds", [11, 86_400])
async def test_promise_23_token_that_comes_again_after_the_grace_ends_the_session(
    sessions, database, user_uuid, seconds
):
    first = await sessions.open_program(user_uuid)
    (child,) = await refreshed(sessions, first.refresh_token)
    await age_use(database, first.refresh_token, seconds)
    with pytest.raises(UnauthenticatedError, match="came twice"):
        await sessions.refresh(first.refresh_token)
    assert await has_ended(sessions, first.access_token)
    assert await has_ended(sessions, child.access_token)
    assert (await refreshed(sessions, child.refresh_token))[0] is None


async def test_token_that_comes_again_after_its_child_was_used_ends_the_session(sessions, user_uuid):
    first = await sessions.open_program(user_uuid)
    (child,) = await refreshed(sessions, first.refresh_token)
    (grandchild,) = await refreshed(sessions, child.refresh_token)
    assert (await refreshed(sessions, first.refresh_token))[0] is None
    assert await has_ended(sessions, grandchild.access_token)


async def test_other_sessions_of_the_user_go_on(sessions, database, user_uuid):
    stolen, other = await sessions.open_program(user_uuid), await sessions.open_program(user_uuid)
    await refreshed(sessions, stolen.refresh_token)
    await age_use(database, stolen.refresh_token, 11)
    await refreshed(sessions, stolen.refresh_token)
    assert not await has_ended(sessions, other.access_token)
    assert (await refreshed(sessions, other.refresh_token))[0] is not None


async def test_refresh_token_of_a_service_of_before_gets_a_session(sessions, database, user_uuid):
    hashed = token_hash("made by a service of before")
    query = "INSERT INTO refresh_tokens (token_hash, user_uuid, expires_at) VALUES ($1, $2, now() + interval '1 day')"
    await database.execute(query, hashed, user_uuid)
    (child,) = await refreshed(sessions, "made by a service of before")
    assert not await has_ended(sessions, child.access_token)
    await age_use(database, "made by a service of before", 11)
    assert (await refreshed(sessions, "made by a service of before"))[0] is None
    assert await has_ended(sessions, child.access_token)


async def test_service_of_before_finds_a_used_token_expired(sessions, database, user_uuid):
    first = await sessions.open_program(user_uuid)
    await refreshed(sessions, first.refresh_token)
    query = "DELETE FROM refresh_tokens WHERE token_hash = $1 RETURNING expires_at > clock_timestamp()"
    assert await database.fetchval(query, token_hash(first.refresh_token)) is False


async def test_signing_out_ends_access_token_and_refresh_token(sessions, user_uuid):
    tokens = await sessions.open_program(user_uuid)
    caller = await sessions.caller_of_bearer(tokens.access_token)
    await sessions.end(caller.proof_uuid)
    assert await has_ended(sessions, tokens.access_token)
    assert (await refreshed(sessions, tokens.refresh_token))[0] is None


async def test_browser_has_one_session_at_a_time(sessions, user_uuid):
    first = await sessions.open_browser(user_uuid)
    second = await sessions.open_browser(user_uuid, before=first)
    assert (await sessions.caller_of_cookie(second)).user_uuid == user_uuid
    with pytest.raises(UnauthenticatedError):
        await sessions.caller_of_cookie(first)


async def test_all_sessions_of_a_user_but_one_can_be_ended(sessions, store, user_uuid):
    kept, other = await sessions.open_program(user_uuid), await sessions.open_program(user_uuid)
    caller = await sessions.caller_of_bearer(kept.access_token)
    async with store.work() as work:
        await end_sessions_of(work, user_uuid, "password_changed", but=caller.proof_uuid)
    assert not await has_ended(sessions, kept.access_token)
    assert await has_ended(sessions, other.access_token)
    assert (await refreshed(sessions, other.refresh_token))[0] is None


async def test_user_who_is_locked_out_is_out_within_a_second(accounts, sessions, user_uuid):
    tokens = await sessions.open_program(user_uuid)
    assert (await sessions.caller_of_bearer(tokens.access_token)).user_uuid == user_uuid
    await accounts.lock_out("ada@example.org")
    await asyncio.sleep(1)
    with pytest.raises(UnauthenticatedError, match="not active"):
        await sessions.caller_of_bearer(tokens.access_token)
    with pytest.raises(UnauthenticatedError):
        await sessions.refresh(tokens.refresh_token)


async def test_ticket_opens_one_websocket(sessions, user_uuid):
    tokens = await sessions.open_program(user_uuid)
    caller = await sessions.caller_of_bearer(tokens.access_token)
    ticket = (await sessions.give_ticket(caller)).ticket
    assert (await sessions.caller_of_ticket(ticket)).proof_uuid == caller.proof_uuid
    with pytest.raises(UnauthenticatedError):
        await sessions.caller_of_ticket(ticket)


@pytest.mark.parametrize("end", ["expired", "signed out"])
async def test_promise_21_ticket_ends_with_its_time_and_with_its_session(sessions, database, user_uuid, end):
    caller = await sessions.caller_of_bearer((await sessions.open_program(user_uuid)).access_token)
    ticket = (await sessions.give_ticket(caller)).ticket
    lifetime = "SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM tickets"
    assert 25 < await database.fetchval(lifetime) <= 30
    if end == "expired":
        await database.execute("UPDATE tickets SET expires_at = clock_timestamp()")
    else:
        await sessions.end(caller.proof_uuid)
    with pytest.raises(UnauthenticatedError):
        await sessions.caller_of_ticket(ticket)

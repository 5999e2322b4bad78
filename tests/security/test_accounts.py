import asyncio

import pytest

from autotune_service.domain.errors import UnauthenticatedError
from autotune_wire.accounts import Signup
from support import PASSWORD


async def test_sign_in_finds_the_user_whatever_the_case_of_the_address(accounts, user_uuid):
    assert (await accounts.sign_in("Ada@Example.org", PASSWORD)).user_uuid == user_uuid


@pytest.mark.parametrize(("email", "password"), [("ada@example.org", "wrong"), ("nobody@example.org", PASSWORD)])
async def test_sign_in_says_the_same_for_a_wrong_password_and_an_unknown_address(accounts, user_uuid, email, password):
    with pytest.raises(UnauthenticatedError) as caught:
        await accounts.sign_in(email, password)
    assert caught.value.detail == "the address or the password is wrong"


@pytest.mark.parametrize("email", ["ada@example.org", "test@test.com"])
async def test_sign_up_with_a_taken_or_reserved_address_makes_nobody(accounts, user_uuid, email):
    user = await accounts.sign_up(Signup(email=email.upper(), password="some other words"))
    assert (user.email, user.active) == (email, True)
    with pytest.raises(UnauthenticatedError):
        await accounts.sign_in(email, "some other words")


async def test_refresh_token_works_once(accounts, user_uuid):
    first = await accounts.issue_tokens(user_uuid)
    results = await asyncio.gather(*(accounts.refresh(first.refresh_token) for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in results) == 1
    assert sum(isinstance(one, UnauthenticatedError) for one in results) == 4


async def test_dev_user_is_admitted_once_and_can_be_locked_out(accounts):
    await asyncio.gather(*(accounts.admit_dev_user("test@test.com", "CHANGEME") for _ in range(2)))
    await accounts.sign_in("test@test.com", "CHANGEME")
    await accounts.lock_out("test@test.com")
    with pytest.raises(UnauthenticatedError):
        await accounts.sign_in("test@test.com", "CHANGEME")
    await accounts.admit_dev_user("test@test.com", "CHANGEME")
    await accounts.sign_in("test@test.com", "CHANGEME")


async def test_session_ends(accounts, user_uuid):
    session = await accounts.open_session(user_uuid)
    assert (await accounts.user_of_session(session)).user_uuid == user_uuid
    await accounts.end_session(session)
    with pytest.raises(UnauthenticatedError):
        await accounts.user_of_session(session)


async def test_user_who_is_locked_out_is_out_within_a_second(accounts, user_uuid):
    tokens = await accounts.issue_tokens(user_uuid)
    assert (await accounts.user_of_token(tokens.access_token)).user_uuid == user_uuid
    await accounts.lock_out("ada@example.org")
    await asyncio.sleep(1)
    with pytest.raises(UnauthenticatedError):
        await accounts.user_of_token(tokens.access_token)


async def test_token_of_a_user_who_is_locked_out_does_not_refresh(accounts, user_uuid):
    tokens = await accounts.issue_tokens(user_uuid)
    await accounts.lock_out("ada@example.org")
    with pytest.raises(UnauthenticatedError):
        await accounts.refresh(tokens.refresh_token)
    with pytest.raises(UnauthenticatedError):
        await accounts.user_of_token(tokens.access_token)

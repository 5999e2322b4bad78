import asyncio

import pytest
from pydantic import TypeAdapter, ValidationError

from autotune_service.domain.errors import UnauthenticatedError
from autotune_wire.accounts import Email, Signup
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


async def test_dev_user_is_admitted_once_and_can_be_locked_out(accounts):
    await asyncio.gather(*(accounts.admit_dev_user("test@test.com", "CHANGEME") for _ in range(2)))
    await accounts.sign_in("test@test.com", "CHANGEME")
    await accounts.lock_out("test@test.com")
    with pytest.raises(UnauthenticatedError):
        await accounts.sign_in("test@test.com", "CHANGEME")
    await accounts.admit_dev_user("test@test.com", "CHANGEME")
    await accounts.sign_in("test@test.com", "CHANGEME")


@pytest.mark.parametrize(
    "email",
    [
        *("a\u200bda@example.org", "a\xadda@example.org", "\u202eada@example.org"),  # look like ada@example.org
        *("\uff41da@example.org", "ada@example.or\u212a", "e\u0301da@example.org"),  # have another, usual form
        *("a\x1b[2Jda@example.org", "a\x07da@example.org", "ada@example\x7f.org"),  # tell a terminal what to do
    ],
)
def test_address_of_characters_that_are_not_seen_is_refused(email):
    with pytest.raises(ValidationError, match="characters that are seen"):
        TypeAdapter(Email).validate_python(email)


@pytest.mark.parametrize("email", ["\xe9da@example.org", "\u540d@\u4f8b.jp", "o'ada+lab@example.org"])
def test_address_in_any_language_is_taken(email):
    assert TypeAdapter(Email).validate_python(email) == email

"""Which passwords are taken, and that no secret comes back in an error, wherever it stood."""

import itertools

import pytest
from pydantic import ValidationError

from autotune_service.domain.errors import InvalidError
from autotune_service.security.password_rules import PasswordRules
from autotune_wire.frames import AuthFrame
from support import PASSWORD

CANARY = "CANARYsecret"


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "P@ssw0rd",
        "password123",
        "12345678",
        "qwertyuiop",
        "        ",
        "a" * 8,
        "a" * 200,
        "letmein123",
        "autotune1",
        "autotuneautotune",
        "ada@example.org",
        "example.org",
    ],
)
async def test_password_that_is_easy_to_guess_is_refused_by_its_field(password):
    with pytest.raises(InvalidError) as caught:
        await PasswordRules().check(password, "ada@example.org", "new_password")
    [problem] = caught.value.errors
    assert problem.field == "new_password"
    assert "too easy to guess" in problem.message
    assert problem.value is None


@pytest.mark.parametrize(
    "password", [PASSWORD, "a long enough one", "zuerst kommt der Berg", "où sont les neiges", "x7Gq2!mT"]
)
async def test_password_needs_no_kind_of_character(password):
    await PasswordRules().check(password, "ada@example.org")


async def test_long_password_is_judged_by_both_ends():
    await PasswordRules().check("a" * 40 + "one of nine lives is left", "ada@example.org")


async def test_least_length_is_that_of_the_service():
    with pytest.raises(InvalidError, match="at least 15 characters"):
        await PasswordRules(least=15).check("x7Gq2!mT", "ada@example.org")


async def test_accented_letter_is_the_same_however_it_was_typed(passwords):
    hashed = await passwords.hash("caf\u00e9 au lait")
    assert await passwords.is_right("cafe\u0301 au lait", hashed)


async def test_easy_password_makes_no_account(client):
    reply = await client.post("/user/signup", json={"email": "a@b.c", "password": "qwertyuiop"})
    assert reply.status_code == 422
    assert (await reply.get_json())["errors"][0]["field"] == "password"


BODIES = [
    {"email": "a@b.c", "Password": CANARY},
    {"refreshToken": CANARY},
    {"email": CANARY, "password": PASSWORD},
    {"email": {CANARY: 1}, "password": [CANARY]},
    {"old_password": "x", "new_password": 1, "newPassword": CANARY},
    {"grant_type": CANARY},
    {CANARY: ""},
    [CANARY],
    CANARY,
]
PATHS = ["/user/signup", "/user/password", "/user/reset", "/user/delete", "/user/deactivate", "/auth/refresh"]


async def test_promise_22_secret_never_comes_back_wherever_it_stood(client, headers):
    for path, body in itertools.product(PATHS, BODIES):
        reply = await client.post(path, json=body, headers=headers)
        assert reply.status_code == 422
        assert CANARY not in await reply.get_data(as_text=True), (path, body)


@pytest.mark.parametrize("path", ["/auth/token", "/auth/login"])
@pytest.mark.parametrize("body", [f"username=a&pasword={CANARY}", f"username=a&password=b&scop={CANARY}", CANARY])
async def test_secret_of_a_form_never_comes_back(client, path, body):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await client.post(path, data=body, headers=form)
    assert reply.status_code == 422
    assert CANARY not in await reply.get_data(as_text=True)


async def test_misspelt_field_is_still_named(client):
    reply = await client.post("/user/signup", json={"email": "a@b.c", "Password": CANARY})
    fields = {problem["field"]: problem["message"] for problem in (await reply.get_json())["errors"]}
    assert fields == {"password": "is missing", "Password": "is not a field here; it may be misspelt"}


@pytest.mark.parametrize("frame", [CANARY, {"Op": "auth", "token": CANARY}, {"op": "auth", "tokn": CANARY}])
def test_error_about_a_first_frame_holds_no_secret(frame):
    with pytest.raises(ValidationError) as caught:
        AuthFrame.model_validate(frame)
    assert CANARY not in str(caught.value) + repr(caught.value.errors())

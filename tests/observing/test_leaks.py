"""What fails a run of the tests if it is left in a log: the search itself, which finds nothing where all is well."""

import pytest

import leaks
from autotune_service.security.tokens import AUTOMATION_PREFIX, new_token
from support import PASSWORD, SECRET


@pytest.fixture
async def issued(sessions, user_uuid, passwords):
    tokens = await sessions.open_program(user_uuid)
    hashed = await passwords.hash(PASSWORD)
    return {
        "secret": SECRET,
        "password": PASSWORD,
        "access token": tokens.access_token,
        "automation token": new_token(AUTOMATION_PREFIX),
        "hash": hashed,
    }


async def test_each_kind_of_secret_is_found_wherever_it_stands(issued, tmp_path):
    for kind, secret in issued.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        path = tmp_path / "data" / "service.log"
        path.write_text(f'{{"event": "request", "url": "/x?token={secret}"}}\n')
        found = list(leaks.found_in_files(tmp_path))
        path.unlink()  # or this run would fail by it
        assert len(found) == 1, kind
        assert secret not in found[0]


def test_log_without_secrets_has_none():
    line = (
        '{"event": "request", "rule": "/auth/tokens", "user": "8d9f1f4e-5b0c-4b7e-9a51-2f1c0f0f7a11", "by": "bearer"}'
    )
    assert leaks.found_in_text(line) == []

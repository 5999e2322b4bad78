import os
import pwd
from pathlib import Path

import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import users
from autotune_service.store.embedded.users import Account, account_for

ADA = 54_321


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of Ada's; whoever runs the tests passes for root."""
    real = tmp_path.stat()
    if os.geteuid() == 0:
        os.chown(tmp_path, ADA, ADA)
        monkeypatch.setattr(users, "_group_of", lambda uid, group: group)
        return tmp_path, Account(ADA, ADA, is_other=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path, Account(real.st_uid, pwd.getpwuid(real.st_uid).pw_gid, is_other=True)


def test_root_runs_postgres_as_the_owner_of_the_folder(folder):
    path, owner = folder
    assert account_for(path) == owner


def test_root_runs_postgres_as_the_owner_of_the_folder_that_it_is_made_in(folder):
    path, owner = folder
    assert account_for(path / "data" / "postgres") == owner
    assert list(path.iterdir()) == []


def test_root_has_a_user_of_its_own_for_its_own_folders(monkeypatch):
    entry = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(users, "_system_entry", lambda: entry)
    assert account_for(Path("/nowhere/data")) == Account(entry.pw_uid, entry.pw_gid, is_other=True)


def test_folder_of_another_user_is_refused_with_both_names(tmp_path, monkeypatch):
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: ADA)
    with pytest.raises(UnavailableError) as refused:
        account_for(tmp_path)
    assert f"{tmp_path} belongs to user {pwd.getpwuid(owner).pw_name}, and this is user {ADA}" in str(refused.value)
    assert account_for(tmp_path / "new") == Account(ADA, os.getegid(), is_other=False)


def test_missing_user_that_cannot_be_created_is_named(monkeypatch):
    def no_such_program(*_, **__):
        raise FileNotFoundError

    def no_such_user(_):
        raise KeyError

    monkeypatch.setattr(users.pwd, "getpwnam", no_such_user)
    monkeypatch.setattr(users.subprocess, "run", no_such_program)
    with pytest.raises(UnavailableError, match=r"the user pgserver .* cannot be created: create that user"):
        users._system_entry()


def test_user_without_a_name_has_a_number():
    assert not users.has_name(ADA)
    assert users.has_name(0)
    assert Account(ADA, ADA, is_other=False).name == "54321"

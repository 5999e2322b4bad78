import os
import shutil
import tempfile
from pathlib import Path

import pytest

from autotune_service.store.embedded.users import Account, account_for


@pytest.fixture
def me():
    """Whoever runs the tests; no program is run as another user."""
    return Account(os.geteuid(), os.getegid(), is_other=False)


@pytest.fixture
def runner(tmp_path):
    """Who runs Postgres in the folders of this test."""
    return account_for(tmp_path)


@pytest.fixture
def open_folder():
    """A folder that every user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)

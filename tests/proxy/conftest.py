"""One stack of processes for all tests of a file; they skip where nginx is not installed."""

import pytest
from lab_stack import EMAIL, Stack
from nginx_process import PROGRAM


def pytest_collection_modifyitems(items):
    if PROGRAM is None:
        for item in items:
            if item.path.parent.name == "proxy":
                item.add_marker(pytest.mark.skip(reason="nginx is not installed (apt install nginx)"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    short = {"AUTOTUNE_PING_S": "0.8", "AUTOTUNE_ASK_WAIT_S": "0.8"}  # so that tests of timeouts take seconds
    with Stack(tmp_path_factory.mktemp("stack"), **short) as stack:
        stack.sign_up(EMAIL)
        yield stack

"""All of production behind the nginx configuration that is shipped, over TLS by an authority of the tests' own."""

import pytest
from crowd import Crowd
from lab_stack import EMAIL

from support import PASSWORD

FORM = {"username": EMAIL, "password": PASSWORD}


def test_cookie_is_secure_and_browsers_are_kept_to_https(stack):
    with stack.browser() as browser:
        reply = browser.post("/auth/login", data=FORM, headers={"Origin": stack.nginx.url})
        assert reply.status_code == 200, reply.text
        first, *rest = reply.headers["Set-Cookie"].split("; ")
        assert first.startswith("__Host-autotune=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(rest)
        assert reply.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]
        me = browser.get("/auth/me")
        assert me.status_code == 200, me.text


@pytest.fixture
def crowd(stack, times):
    crowd = Crowd(stack, EMAIL, times(8, 50))
    yield crowd
    crowd.close()


def test_services_that_restart_one_by_one_cost_nobody_anything(stack, crowd, times):
    crowd.wait_for_tells(times(8, 100))
    stack.restart(stack.replicas)
    crowd.wait_for_tells(times(8, 100))
    crowd.check_nothing_is_lost(crowd.end())
    assert crowd.watchers.n_resets == 0
    print(crowd.robot.answers)


def test_standby_that_takes_over_has_all_that_was_acknowledged(stack, crowd, times):
    crowd.wait_for_tells(times(8, 100))
    stack.postgres.fail_over()
    crowd.wait_for_tells(times(8, 100))
    crowd.check_nothing_is_lost(crowd.end())
    print(crowd.robot.answers)

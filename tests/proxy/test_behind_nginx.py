"""All of production behind the nginx configuration that is shipped, over TLS by an authority of the tests' own."""

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

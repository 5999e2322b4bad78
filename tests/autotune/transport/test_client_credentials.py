import pytest

from autotune.errors import InvalidInputError
from autotune.transport.credentials import DEFAULT_URL, Credentials, find_credentials, find_url, secret


def test_url_defaults_to_the_local_service():
    assert find_url(None, {}) == DEFAULT_URL


def test_url_given_wins_over_the_environment():
    assert find_url("http://given:1", {"AUTOTUNE_URL": "http://found:2"}) == "http://given:1"


def test_url_loses_the_slash_at_its_end():
    assert find_url(None, {"AUTOTUNE_URL": "https://host/tune/"}) == "https://host/tune"


@pytest.mark.parametrize("url", ["host:8008", "ftp://host", "http://", "http://[", "http://host?x=1"])
def test_url_that_is_none_is_refused(url):
    with pytest.raises(InvalidInputError, match="no address"):
        find_url(url, {})


def test_url_with_a_password_is_refused_without_showing_it():
    with pytest.raises(InvalidInputError) as caught:
        find_url("http://me:hunter2@host", {})
    assert "hunter2" not in str(caught.value)


def test_credentials_given_win_over_the_environment():
    found = find_credentials(None, "me", secret("mine"), {"AUTOTUNE_TOKEN": "theirs"})
    assert (found.token, found.username) == (None, "me")


def test_credentials_take_the_token_of_the_environment_first():
    found = find_credentials(None, None, None, {"AUTOTUNE_TOKEN": "t", "AUTOTUNE_USERNAME": "me"})
    assert found == Credentials(token=secret("t"))


def test_credentials_take_a_missing_password_from_the_environment():
    assert find_credentials(None, "me", None, {"AUTOTUNE_PASSWORD": "p"}).password == secret("p")


@pytest.mark.parametrize("environ", [{}, {"AUTOTUNE_USERNAME": "me"}, {"AUTOTUNE_TOKEN": ""}])
def test_credentials_that_are_missing_name_the_variables(environ):
    with pytest.raises(InvalidInputError, match="AUTOTUNE_TOKEN"):
        find_credentials(None, None, None, environ)


def test_credentials_refuse_a_token_beside_a_username():
    with pytest.raises(InvalidInputError, match="not both"):
        find_credentials(secret("t"), "me", secret("p"), {})


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tökén"])
def test_credentials_refuse_a_token_that_fits_no_header_without_showing_it(token):
    with pytest.raises(InvalidInputError) as caught:
        find_credentials(secret(token), None, None, {})
    assert token not in str(caught.value)


def test_credentials_show_no_secret():
    assert "hunter2" not in repr(Credentials(username="me", password=secret("hunter2")))

import json
from uuid import uuid4

import httpx2
import pytest
from fake_service import NOW, PASSWORD, problem
from ipywidgets import Widget
from served import serving

from autotune.errors import InvalidInputError
from autotune.widgets.connect import ConnectForm


@pytest.fixture
def form(service):
    with serving(service) as served:
        form = ConnectForm(served.url)
        form.fields["email"].input.value = "a@b.c"
        yield form
        if form._client is not None:
            form._client.close()


def _send(form, password, action="sign_in"):
    """Do what the browser does when the button is clicked."""
    form.password._handle_custom_msg({"action": action, "password": password}, [])


def _user():
    return httpx2.Response(201, json={"uuid": str(uuid4()), "email": "a@b.c", "active": True, "time_created": NOW})


def test_sign_in_makes_a_client(form):
    _send(form, PASSWORD)
    assert form.client.username == "a@b.c"
    assert form.said == "Signed in as a@b.c."


def test_password_is_in_no_state_that_a_notebook_saves(form):
    _send(form, PASSWORD)
    assert form.client.username == "a@b.c"
    state = json.dumps(Widget.get_manager_state())
    assert "Address of the service" in state
    assert PASSWORD not in state
    assert PASSWORD not in form.still() + str(vars(form)) + str(vars(form.password))


def test_wrong_password_is_said_and_nobody_is_signed_in(form):
    _send(form, "guess")
    assert "the address or the password is wrong" in form.said
    with pytest.raises(InvalidInputError, match="nobody has signed in"):
        _ = form.client


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("email", "", "is missing"),
        ("url", "ftp://x", "is no address of a service"),
    ],
)
def test_wrong_field_is_said_beside_it(form, field, typed, said):
    form.fields[field].input.value = typed
    _send(form, PASSWORD)
    assert said in form.fields[field].error.value


def test_missing_password_is_said_beside_it(form):
    _send(form, "")
    assert "is missing" in form.fields["password"].error.value


def test_sign_up_makes_an_account_and_signs_in(form, service):
    service.trouble("POST /user/signup", _user())
    _send(form, PASSWORD, "sign_up")
    assert form.said == "Signed in as a@b.c."
    sent = next(body for (_, path), body in zip(service.calls, service.bodies, strict=True) if path == "/user/signup")
    assert json.loads(sent) == {"email": "a@b.c", "password": PASSWORD}


@pytest.mark.parametrize(
    ("email", "password", "field", "said"),
    [
        ("a@b.c", "short", "password", "must have at least 8"),
        ("abc", PASSWORD, "email", "must be a mail address"),
    ],
)
def test_sign_up_says_what_the_service_would_say_beside_the_field(form, service, email, password, field, said):
    form.fields["email"].input.value = email
    _send(form, password, "sign_up")
    assert said in form.fields[field].error.value
    assert service.calls == []


def test_sign_up_that_the_service_refuses_is_said(form, service):
    service.trouble("POST /user/signup", problem(403, "signup_closed", "accounts are made by the operator"))
    _send(form, PASSWORD, "sign_up")
    assert "accounts are made by the operator" in form.said


def test_dead_service_is_said(form):
    form.fields["url"].input.value = "http://127.0.0.1:9"
    _send(form, PASSWORD)
    assert "cannot reach the service" in form.said
    assert not form.password.is_busy


def test_still_says_who_is_signed_in(form):
    assert "not signed in" in form.still()
    _send(form, PASSWORD)
    assert "signed in as a@b.c" in form.still()


@pytest.mark.parametrize("address", ["http://bob:hunter2@h:1", "http://bob:hun/ter2@h:1", "bob:hunter2@h:1"])
def test_password_in_the_address_is_kept_nowhere(form, address):
    form.fields["url"].input.value = address
    assert "ter2" not in form.still() + repr(form)
    _send(form, PASSWORD)
    assert "must hold no name or password" in form.fields["url"].error.value
    assert form.fields["url"].text == address.replace("bob:hunter2@", "").replace("bob:hun/ter2@", "")
    assert "ter2" not in json.dumps(Widget.get_manager_state())

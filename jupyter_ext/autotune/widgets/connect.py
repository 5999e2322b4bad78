"""A form to sign in to a service, or to sign up."""

from pydantic import SecretStr

from autotune.client import Client, open_client
from autotune.errors import AutotuneError, InvalidInputError
from autotune.inputs.checks import checked
from autotune.transport.coroutines import result_of
from autotune.transport.credentials import Credentials, find_url
from autotune.transport.exchange import exchange
from autotune.transport.http import Http
from autotune.widgets.form import Form, row, typed, wrong_field
from autotune.widgets.password import PasswordField
from autotune.widgets.style import styled, title
from autotune_wire.accounts import Signup, User
from autotune_wire.paths import USER_SIGNUP


class ConnectForm(Form):
    """A form that signs in. What is typed as the password is sent once and kept nowhere in the notebook.

    Args:
        url: The address of the service; if not given, that of the environment, as for ``connect``.

    Attributes:
        password: The field for the password, with the buttons.
    """

    def __init__(self, url: str | None = None) -> None:
        super().__init__()
        self._client: Client | None = None
        self._url = self.field("url", typed("Address of the service", find_url(url), "420px"))
        self._email = self.field("email", typed("Your mail address", "", "420px", "name@host"))
        self.password = PasswordField()
        self.password.on_send(self._sent)
        field = self.field("password", self.password)
        self.show(self._url.box, self._email.box, row([field.box]))

    def __repr__(self) -> str:
        return f"ConnectForm({_without_user(self._url.text)}, {self._state()})"

    @property
    def client(self) -> Client:
        """The client of the user who signed in.

        Raises:
            InvalidInputError: If nobody has signed in yet.
        """
        if self._client is None:
            raise InvalidInputError("nobody has signed in yet: fill in the form and click Sign in")
        return self._client

    def still(self) -> str:
        """Write who is signed in as HTML that needs no kernel."""
        return styled(title("AutoTune", f"{_without_user(self._url.text)}: {self._state()}"))

    def _state(self) -> str:
        return "not signed in" if self._client is None else f"signed in as {self._client.username}"

    def _sent(self, action: str, password: SecretStr) -> None:
        """Sign in or sign up with a password that was sent, and say what came of it."""
        self.password.is_busy = True
        self.clear()
        try:
            if action == "sign_up":
                self._sign_up(password)
            self._sign_in(password)
            self.say(f"Signed in as {self.client.username}.", is_good=True)
        except AutotuneError as error:
            self.say_error(error)
        finally:
            self.password.is_busy = False
            self.keeper.keep()

    def _sign_in(self, password: SecretStr) -> None:
        if not self._email.text:
            raise wrong_field("email", "is missing")
        if not password.get_secret_value():
            raise wrong_field("password", "is missing")
        client = open_client(self._address(), Credentials(username=self._email.text, password=password))
        if self._client is not None:
            self._client.close()
        self._client = client

    def _sign_up(self, password: SecretStr) -> None:
        with checked("this account"):
            signup = Signup(email=self._email.text, password=password.get_secret_value())
        http = Http(self._address())
        try:
            result_of(exchange(http, "POST", USER_SIGNUP, User, json=signup.model_dump()))
        finally:
            del signup  # tracebacks that show local variables would show the password
            http.close()

    def _address(self) -> str:
        if (address := _without_user(self._url.text)) != self._url.text:
            self._url.input.value = address  # what is in the field may be saved with the notebook
            raise wrong_field("url", "must hold no name or password: they were taken out; type them below")
        try:
            return find_url(self._url.text)
        except InvalidInputError as error:
            raise wrong_field("url", str(error)) from None


def _without_user(address: str) -> str:
    """Return an address without the name and the password that may stand in it, as a saved notebook shows it."""
    scheme, sign, rest = address.rpartition("://")
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"

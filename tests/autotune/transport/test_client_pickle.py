import copy
import pickle
from unittest.mock import patch
from weakref import WeakValueDictionary

import pytest
from fake_service import PASSWORD, SPACE
from served import serving

from autotune.errors import InvalidInputError, UnauthenticatedError
from autotune.transport.coroutines import result_of
from children import in_child

LOGIN = "POST /auth/token"


@pytest.fixture
def served(service):
    with serving(service) as served:
        yield served


@pytest.fixture
def client(served, monkeypatch):
    monkeypatch.setattr("autotune.transport.connection._arrived", {})
    with served.client() as client:
        yield client


@pytest.fixture
def experiment(client):
    return client.new("brownies", SPACE)


@pytest.fixture
def with_password(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", PASSWORD)


def _sent(given):
    """Give what comes out of a pickle in another process, which has no connection of this one."""
    content = pickle.dumps(given)
    with patch("autotune.transport.connection._living", WeakValueDictionary()):
        return pickle.loads(content)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_holds_no_secret(client, experiment, protocol):
    content = pickle.dumps([client, experiment], protocol)
    tokens = [result_of(client._connection.tokens.access()).get_secret_value(), "refresh-1"]
    assert [secret for secret in (PASSWORD, *tokens) if secret.encode() in content] == []
    assert b"a@b.c" in content


@pytest.mark.usefixtures("with_password")
def test_unpickled_client_and_experiment_log_in_once_when_they_are_used(client, experiment, service):
    again, of_experiment = _sent([client, experiment])
    assert service.n_calls(LOGIN) == 1
    assert of_experiment.tell({"x": 0.25}, 1.0).response == 1.0
    assert [found.exp_uuid for found in again.list()] == [experiment.exp_uuid]
    assert (again.username, repr(again)) == (client.username, repr(client))
    assert service.n_calls(LOGIN) == 2


@pytest.mark.usefixtures("with_password")
def test_tasks_of_one_process_share_one_login(experiment, service):
    for _ in range(5):
        _sent(experiment).state()
    assert service.n_calls(LOGIN) == 2


@pytest.mark.usefixtures("with_password")
def test_task_that_closes_its_client_leaves_another_one_to_the_next_task(client):
    with _sent(client) as again:
        again.list()
    assert _sent(client).list() == []


def test_unpickled_client_uses_a_token_of_the_environment(client, service, monkeypatch):
    service.holding.add("given")
    monkeypatch.setenv("AUTOTUNE_TOKEN", "given")
    again = _sent(client)
    assert again.list() == []
    assert service.n_calls(LOGIN) == 1


@pytest.mark.usefixtures("with_password")
def test_unpickled_client_fetches_another_token_when_its_own_ends(client, service):
    again = _sent(client)
    again.list()
    service.holding.clear()
    assert again.list() == []


def test_unpickled_client_without_credentials_says_what_to_set_when_it_is_used(client, served):
    again = _sent(client)
    expected = (
        rf"^the client of a@b.c at {served.url} came to this process in a pickle, without secrets: set AUTOTUNE_TOKEN, "
        "or AUTOTUNE_USERNAME and AUTOTUNE_PASSWORD, in its environment$"
    )
    with pytest.raises(InvalidInputError, match=expected):
        again.list()


def test_unpickled_client_goes_on_as_soon_as_there_are_credentials(client, monkeypatch):
    again = _sent(client)
    with pytest.raises(InvalidInputError):
        again.list()
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", PASSWORD)
    assert again.list() == []


@pytest.mark.usefixtures("with_password")
def test_unpickled_client_refuses_the_credentials_of_another_user_again_and_again(client):
    client._connection.username = "ada@b.c"
    again = _sent(client)
    for _ in range(2):
        with pytest.raises(
            InvalidInputError, match=r"of ada@b.c at .* its environment logs in a@b.c: set .* of ada@b.c"
        ):
            again.list()


@pytest.mark.usefixtures("with_password")
def test_unpickled_client_with_a_wrong_password_says_so(client, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_PASSWORD", "wrong")
    with pytest.raises(UnauthenticatedError, match="password is wrong"):
        _sent(client).list()


def test_forked_child_needs_no_credentials_to_unpickle_what_its_parent_has(experiment, service):
    content = pickle.dumps(experiment)
    assert in_child(lambda: pickle.loads(content).tell({"x": 0.25}, 1.0).response) == 1.0
    assert (service.n_calls(LOGIN), len(service.runs)) == (1, 1)


@pytest.mark.parametrize("there", [{}, {"USERNAME": "a@b.c"}, {"USERNAME": "ada@b.c", "PASSWORD": "wrong"}])
def test_process_that_has_the_client_and_its_forked_children_use_it_whatever_their_environment_has(
    client, service, monkeypatch, there
):
    for name, value in there.items():
        monkeypatch.setenv(f"AUTOTUNE_{name}", value)
    content = pickle.dumps(client)
    assert pickle.loads(content)._connection is client._connection
    assert in_child(lambda: pickle.loads(content).list()) == []
    assert service.n_calls(LOGIN) == 1


def test_pickle_of_a_client_that_was_closed_logs_in_anew(client, with_password):
    content = pickle.dumps(client)
    client.close()
    assert pickle.loads(content).list() == []


@pytest.mark.usefixtures("with_password")
@pytest.mark.parametrize("slash", ["", "/"])
def test_unpickled_client_sends_no_credentials_to_another_service_than_the_environment_s(
    client, served, service, monkeypatch, slash
):
    monkeypatch.setenv("AUTOTUNE_URL", "https://autotune.example")
    expected = rf"^the client of a@b.c at {served.url} came .* for https://autotune.example: set AUTOTUNE_URL to the "
    again = _sent(client)
    with pytest.raises(InvalidInputError, match=expected):
        again.list()
    assert service.n_calls(LOGIN) == 1
    monkeypatch.setenv("AUTOTUNE_URL", f"{served.url}{slash}")
    assert again.list() == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_in_one_process_share_the_connection(experiment, service, copied):
    again = copied(experiment)
    assert again.connection is experiment.connection
    assert again.state().exp_uuid == experiment.exp_uuid
    assert service.n_calls(LOGIN) == 1

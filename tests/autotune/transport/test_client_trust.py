"""A service whose certificate an authority of the lab's own signed, which the machine does not know."""

import asyncio
from contextlib import aclosing

import pytest
from fake_service import PASSWORD, SPACE, FakeService, event
from served import serving
from stream_server import sends, stream_server

from authority import Authority
from autotune import CertificateError, InvalidInputError, aconnect, connect
from autotune.transport.stream import follow
from autotune_wire.experiments import Experiment

ADDRESS = "127.0.0.1"
LOGIN = {"username": "a@b.c", "password": PASSWORD}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def address(service, authority):
    with serving(service, authority.server_context(ADDRESS)) as served:
        yield served.url


@pytest.fixture
def seen(service: FakeService):
    return Experiment.model_validate(service.add({"name": "brownies", "covars": SPACE}))


async def test_authority_that_the_environment_names_is_believed(address, authority, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_CA_FILE", str(authority.file))
    with connect(address, **LOGIN) as client:
        assert client.new("brownies", SPACE).ask().covars
    async with aconnect(address, **LOGIN) as client:
        assert len(await client.list()) == 1


def test_authority_of_the_whole_machine_is_believed(address, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with connect(address, **LOGIN) as client:
        assert client.new("brownies", SPACE).ask().covars


def test_certificate_of_an_unknown_authority_is_refused_at_once_with_what_to_do(address, service):
    with pytest.raises(CertificateError, match=rf"certificate of {address} is not trusted: .*AUTOTUNE_CA_FILE"):
        connect(address, **LOGIN)
    assert service.calls == []


def test_certificate_for_another_address_is_refused(service, authority, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_CA_FILE", str(authority.file))
    with serving(service, authority.server_context("127.0.0.2")) as served, pytest.raises(CertificateError) as refused:
        connect(served.url, **LOGIN)
    assert "not valid for '127.0.0.1'" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [("AUTOTUNE_CA_FILE", "none.pem"), ("AUTOTUNE_CA_FILE", "empty.pem"), ("SSL_CERT_FILE", "none.pem")],
)
def test_file_without_certificates_is_named(address, monkeypatch, tmp_path, name, file):
    (tmp_path / "empty.pem").write_text("nothing\n")
    monkeypatch.setenv(name, str(tmp_path / file))
    with pytest.raises(InvalidInputError, match=rf"^{name} is '.*{file}', and no certificates can be read"):
        connect(address, **LOGIN)


async def test_stream_believes_the_same_authority(service, seen, authority, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_CA_FILE", str(authority.file))
    with stream_server(sends(event(1)), tls=authority.server_context(ADDRESS)) as server:
        received = await _first(service, seen, server)
    assert received.seq == 1


async def test_stream_ends_at_a_certificate_that_is_not_trusted(service, seen, authority):
    tls = authority.server_context(ADDRESS)
    with stream_server(tls=tls) as server, pytest.raises(CertificateError, match="AUTOTUNE_CA_FILE"):
        await _first(service, seen, server)


async def _first(service, seen, server):
    async with asyncio.timeout(10), aclosing(follow(service.connection(url=server.url), seen.exp_uuid)) as events:
        return await anext(events)

"""The fake service on a real port, for tests of sockets and of several processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread

import httpx2
from fake_service import PASSWORD, FakeService
from pydantic import SecretStr

from autotune.client import Client, open_client
from autotune.transport.credentials import Credentials


class Served:
    """A fake service that is reached over HTTP.

    Attributes:
        url: Its address.
        ports: The client's port of each request: requests on one connection have the same.
    """

    def __init__(self, service: FakeService, port: int) -> None:
        self.service = service
        self.url = f"http://127.0.0.1:{port}"
        self.ports: list[int] = []

    def client(self, timeout_s: float = 20.0) -> Client:
        return open_client(self.url, Credentials(username="a@b.c", password=SecretStr(PASSWORD)), timeout_s)


@contextmanager
def serving(service: FakeService, tls: SSLContext | None = None) -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.ports.append(self.client_address[1])
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = httpx2.Request(self.command, served.url + self.path, headers=dict(self.headers), content=content)
            reply = service.handle(request)
            self.send_response(reply.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_POST = do_GET  # noqa: N815 -- as the library calls it

        def log_message(self, *_given: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served = Served(service, server.server_address[1])
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            served.url = served.url.replace("http:", "https:")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()

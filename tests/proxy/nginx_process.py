"""nginx with the configuration that is shipped, in which only addresses, ports and files are those of the tests."""

import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from authority import Authority
from processes import wait_until

ADDRESS = "127.0.0.5"
"""Where nginx listens: an address that is none of those that always name the machine itself."""
SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "autotune.conf"
PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
_MAIN = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/replies;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    include {folder}/autotune.conf;
}}
"""


def rendered(port: int, plain_port: int, replicas: Sequence[str], certificate: tuple[Path, Path]) -> str:
    """Return the shipped configuration for replicas at addresses such as ``127.0.0.1:8008``."""
    text = SHIPPED.read_text()
    servers = "\n".join(f"    server {replica} max_fails=0;" for replica in replicas)
    changes = {
        r"    server 127\.0\.0\.1:8008 max_fails=0;\n    # server 127\.0\.0\.1:8018 max_fails=0;": servers,
        r"listen 80;": f"listen {ADDRESS}:{plain_port};",
        r"listen 443 ssl;": f"listen {ADDRESS}:{port} ssl;",
        r"server_name tune\.example\.org;": f"server_name {ADDRESS};",
        r"/etc/nginx/autotune/fullchain\.pem": str(certificate[0]),
        r"/etc/nginx/autotune/privkey\.pem": str(certificate[1]),
    }
    for pattern, replacement in changes.items():
        text, n = re.subn(pattern, replacement.replace("\\", r"\\"), text)
        assert n >= 1, f"the shipped file has no {pattern}"
    return text


class Nginx:
    """An nginx in front of replicas, at an address with TLS.

    Attributes:
        url: Its address.
        plain_url: The address without TLS.
    """

    def __init__(self, folder: Path, authority: Authority, replicas: Sequence[str], **timeouts: str) -> None:
        folder.mkdir()
        self._folder = folder
        port, plain_port = free_port(), free_port()
        text = rendered(port, plain_port, replicas, authority.sign(ADDRESS))
        for name, seconds in timeouts.items():
            text, n = re.subn(rf"{name} \S+;", f"{name} {seconds};", text)
            assert n >= 1, f"the shipped file does not set {name}"
        self.url, self.plain_url = f"https://{ADDRESS}:{port}", f"http://{ADDRESS}:{plain_port}"
        (folder / "autotune.conf").write_text(text)
        # Its workers would have to enter the folder of the test as another user.
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user="user root;"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Nginx":
        assert PROGRAM is not None
        command = [PROGRAM, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        with (self._folder / "said").open("w") as said:
            self._process = process = subprocess.Popen(command, stdout=said, stderr=said)
        wait_until(lambda: process.poll() is not None or self._listens())
        assert process.poll() is None, (self._folder / "said").read_text()
        return self

    def _listens(self) -> bool:
        try:
            socket.create_connection((ADDRESS, int(self.url.rpartition(":")[2])), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def errors(self) -> str:
        return (self._folder / "error.log").read_text()

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        port: int = sock.getsockname()[1]
        return port

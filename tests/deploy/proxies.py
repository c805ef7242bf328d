"""nginx, HAProxy and Caddy from Debian, started from the very files in deploy/.

Those files name ports, users and certificates of a real machine. Here each of these is replaced,
and each replacement must be found, so that a file cannot change without a test noticing.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ROOT

DEPLOY = ROOT / "deploy"
START_SECONDS = 15


@dataclass
class Front:
    """A proxy that takes connections."""

    name: str
    http_port: int
    https_port: int
    certificate: Path  # whom to trust

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    def line(self) -> ssl.SSLSocket:
        """A connection, its certificate checked. Raises OSError."""
        context = ssl.create_default_context(cafile=self.certificate)
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=10)
        return context.wrap_socket(plain, server_hostname="localhost")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that it signs itself, and its key."""
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return certificate, key


def replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in the file any more"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, servers: Sequence[int]) -> Iterator[Front]:
    """One or two servers behind nginx.conf; with one it is known under both names."""
    certificate, key = make_certificate(folder)
    http, https = free_ports(2)
    first, second = servers[0], servers[-1]
    text = replaced(
        (DEPLOY / "nginx.conf").read_text(),
        {
            "user www-data;\n": "",
            "worker_processes auto;": "worker_processes 1;",
            "/run/nginx.pid": str(folder / "nginx.pid"),
            "/var/log/nginx/error.log": str(folder / "error.log"),
            "/var/log/nginx/access.log": str(folder / "access.log"),
            "listen 80 ": f"listen 127.0.0.1:{http} ",
            "listen 443 ": f"listen 127.0.0.1:{https} ",
            "    listen [::]:80 default_server;\n": "",
            "    listen [::]:443 ssl http2 default_server;\n": "",
            "127.0.0.1:5001": f"127.0.0.1:{first}",
            "127.0.0.1:5002": f"127.0.0.1:{second}",
            "/etc/ssl/chat/fullchain.pem": str(certificate),
            "/etc/ssl/chat/privkey.pem": str(key),
        },
    )
    temp = "client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;"
    temp += " uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;"
    text = text.replace("http {\n", "http {\n  " + temp.format(folder) + "\n", 1)
    file = folder / "nginx.conf"
    file.write_text(text)
    command = [
        str(program("nginx")),
        "-e",
        str(folder / "error.log"),
        "-p",
        str(folder),
        "-c",
        str(file),
    ]
    check = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    assert "warn" not in check.stderr, check.stderr
    front = Front("nginx", http, https, certificate)
    with _running([*command, "-g", "daemon off;"], folder, front):
        yield front


@contextmanager
def haproxy(folder: Path, servers: Sequence[int]) -> Iterator[Front]:
    """One or two servers behind haproxy.cfg."""
    certificate, key = make_certificate(folder)
    both = folder / "haproxy.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    http, https = free_ports(2)
    text = replaced(
        (DEPLOY / "haproxy.cfg").read_text(),
        {
            "maxconn 30000": "maxconn 1000",
            "bind :80": f"bind 127.0.0.1:{http}",
            "bind :443": f"bind 127.0.0.1:{https}",
            "127.0.0.1:5001": f"127.0.0.1:{servers[0]}",
            "127.0.0.1:5002": f"127.0.0.1:{servers[-1]}",
            "/etc/ssl/chat/haproxy.pem": str(both),
        },
    )
    file = folder / "haproxy.cfg"
    file.write_text(text)
    command = [str(program("haproxy")), "-f", str(file)]
    check = subprocess.run([*command, "-c"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    assert "WARNING" not in check.stderr, check.stderr
    front = Front("haproxy", http, https, certificate)
    with _running([*command, "-db"], folder, front):
        yield front


@contextmanager
def caddy(folder: Path, servers: Sequence[int]) -> Iterator[Front]:
    """One or two servers behind the Caddyfile, which takes everything from its environment."""
    http, https = free_ports(2)
    settings = {
        "CHAT_SITE": "localhost",
        "CHAT_HTTP_PORT": str(http),
        "CHAT_HTTPS_PORT": str(https),
        "CHAT_APP1": f"127.0.0.1:{servers[0]}",
        "CHAT_APP2": f"127.0.0.1:{servers[-1]}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "HOME": str(folder),
    }
    file = folder / "Caddyfile"
    text = replaced(
        (DEPLOY / "Caddyfile").read_text(), {"\tskip_install": "\tadmin off\n\tskip_install"}
    )
    file.write_text(text)
    environment = os.environ | settings
    command = [str(program("caddy")), "run", "--adapter", "caddyfile", "--config", str(file)]
    front = Front("caddy", http, https, folder / "caddy/pki/authorities/local/root.crt")
    with _running(command, folder, front, environment):
        yield front


PROXIES = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}
StartFront = Callable[[Path, Sequence[int]], Iterator[Front]]


def program(name: str) -> str | None:
    """Where it is. Debian keeps servers in sbin, which is not on everybody's path."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def missing(name: str) -> str:
    """Why this proxy cannot be started, "" when it can."""
    return "" if program(name) else f"{name} is not installed (scripts/setup proxies)"


@contextmanager
def _running(
    command: list[str], folder: Path, front: Front, environment: dict[str, str] | None = None
) -> Iterator[None]:
    log = folder / f"{front.name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(front):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(front: Front) -> bool:
    """Caddy listens before it has made its certificate."""
    try:
        front.line().close()
    except OSError:
        return False
    return True

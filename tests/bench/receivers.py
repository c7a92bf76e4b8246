"""The receiver that load is sent to: nginx where the machine has it, else one of our own."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.raw_receiver import MESSAGE
from tests.channels.raw import make_certificate
from tests.programs import LOOPBACK, free_port, private_folder, running

NGINX = """
worker_processes 1;
daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 60s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_session_tickets off;
  ssl_certificate {folder}/server.pem;
  ssl_certificate_key {folder}/server.pem;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls_port} ssl backlog=4096;
    location / {{ return 204; }}
    location /fails {{ return 500; }}
    location /bot {{ default_type application/json; return 200 '{message}'; }}
  }}
  server {{
    listen 127.0.0.1:{closing} backlog=4096;
    listen 127.0.0.1:{closing_tls} ssl backlog=4096;
    keepalive_timeout 0;
    location / {{ return 204; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class LoadReceiver:
    """A receiver that runs.

    It answers 204, 500 where a path begins with /fails, and as Telegram answers that a message is
    stored where it begins with /bot. closing_http, closing_https: where it
    closes each connection after one answer. authority: the file of whoever vouches for it.
    """

    name: str
    http: str
    https: str
    closing_http: str
    closing_https: str
    authority: str
    pid: int


@contextmanager
def receiving(*, processor: int | None) -> Iterator[LoadReceiver]:
    """A receiver in a process of its own, on one processor if that is said."""
    ports = [free_port() for _ in range(4)]
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    with private_folder() as folder:
        _, authority = make_certificate(folder)
        command: Sequence[str | Path]
        if program is None:
            name = "a Python protocol on uvloop (no nginx on PATH)"
            words = [str(folder / "server.pem"), *map(str, ports)]
            command = [sys.executable, "-m", "tests.bench.raw_receiver", *words]
            start_in = Path(__file__).parents[2]
        else:
            name = f"nginx `return 204`, one worker ({program})"
            configuration = folder / "nginx.conf"
            named = dict(zip(("port", "tls_port", "closing", "closing_tls"), ports, strict=True))
            configuration.write_text(NGINX.format(folder=folder, message=MESSAGE, **named))
            command = [program, "-p", folder, "-c", configuration]
            start_in = folder
        with running(
            ["env", "-C", start_in, *command], folder, is_ready=lambda: all(map(_takes, ports))
        ) as served:
            if processor is not None:
                os.sched_setaffinity(served.pid, {processor})
            plain, secure, closing, closing_tls = (f"://{LOOPBACK}:{port}" for port in ports)
            yield LoadReceiver(
                name,
                http=f"http{plain}",
                https=f"https{secure}",
                closing_http=f"http{closing}",
                closing_https=f"https{closing_tls}",
                authority=authority,
                pid=served.pid,
            )


def _takes(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False

"""The receiver that load is sent to: nginx where the machine has it, else one of our own."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
  ssl_certificate {folder}/server.pem;
  ssl_certificate_key {folder}/server.pem;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls_port} ssl backlog=4096;
    location / {{ return 204; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class LoadReceiver:
    """A receiver that runs. authority: the file of whoever vouches for it over TLS."""

    name: str
    http: str
    https: str
    authority: str
    pid: int


@contextmanager
def receiving(*, processor: int | None) -> Iterator[LoadReceiver]:
    """A receiver in a process of its own, on one processor if that is said."""
    port, tls_port = free_port(), free_port()
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    with private_folder() as folder:
        _, authority = make_certificate(folder)
        command: Sequence[str | Path]
        if program is None:
            name = "a Python protocol on uvloop (no nginx on PATH)"
            ports = [str(port), str(tls_port)]
            certificate = folder / "server.pem"
            command = [sys.executable, "-m", "tests.bench.raw_receiver", *ports, certificate]
            start_in = Path(__file__).parents[2]
        else:
            name = f"nginx `return 204`, one worker ({program})"
            configuration = folder / "nginx.conf"
            text = NGINX.format(folder=folder, port=port, tls_port=tls_port)
            configuration.write_text(text)
            command = [program, "-p", folder, "-c", configuration]
            start_in = folder
        with running(
            ["env", "-C", start_in, *command], folder, is_ready=lambda: _takes(tls_port)
        ) as served:
            if processor is not None:
                os.sched_setaffinity(served.pid, {processor})
            http, https = f"http://{LOOPBACK}:{port}", f"https://{LOOPBACK}:{tls_port}"
            yield LoadReceiver(name, http, https, authority, served.pid)


def _takes(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False

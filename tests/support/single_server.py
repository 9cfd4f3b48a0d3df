"""The documented server of a single machine: Waitress with a folder of tickets, and nginx."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
import trustme

from .flask_run import ROOT, environ
from .keys import fixed_key
from .ports import free_port

FILES = ROOT / "deploy/server"
HOST = "tickets.example.com"
AGENT, AGENT_ENTRY = fixed_key("voice", "agent")
ANNA, ANNA_ENTRY = fixed_key("anna", "desk")
SECRET = "s" * 64
START_SECONDS = 20


def unit(name: str = "itsm-app.service") -> str:
    """Return a systemd unit with its continued lines joined."""
    return (FILES / name).read_text().replace("\\\n", " ")


def documented_command() -> list[str]:
    """Return the command of the unit."""
    (line,) = re.findall(r"^ExecStart=(.*)$", unit(), re.MULTILINE)
    return shlex.split(line)


def settings(folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of the service, for a folder of tickets."""
    keys = f"{AGENT_ENTRY},{ANNA_ENTRY}"
    defaults = {"LOCAL_DYNAMODB": str(folder), "SECRET_KEY": SECRET, "API_KEYS": keys}
    return environ(**defaults | changes)


class Server:
    """The app under Waitress.

    `prefix` is a command that runs the server, and `changes` are other settings than the usual.
    """

    def __init__(self, folder: Path, *prefix: str, **changes: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program, *arguments = documented_command()
        listen = "--listen=127.0.0.1:8000"
        assert listen in arguments
        arguments[arguments.index(listen)] = f"--listen=127.0.0.1:{self.port}"
        self._log = folder.parent / f"log-{self.port}"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, str(Path(sys.executable).with_name(Path(program).name)), *arguments],
                cwd=ROOT,
                env=settings(folder, **changes),
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def wait_until_up(self) -> Server:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise AssertionError(f"the server does not listen: {self.log()}")

    def create(self, description: str = "My printer is on fire") -> requests.Response:
        body = {"caller_id": "+15550100", "issue_description": description}
        headers = {"x-api-key": AGENT}
        return requests.post(f"{self.url}/tickets", json=body, headers=headers, timeout=10)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, headers={"x-api-key": ANNA}, timeout=10)

    def log(self) -> str:
        return self._log.read_text()

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Return the log lines with a message. Every line of the log must be JSON."""
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if line["message"] == message]

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status. The server must exit within five seconds."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=5)

    def kill(self) -> None:
        """Kill the server, and the command that runs the server."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def server(folder: Path, *prefix: str, **changes: str) -> Iterator[Server]:
    """Run the server on a folder with the table, as after `itsm-flask init-db`."""
    init_db(folder, **changes)
    running = Server(folder, *prefix, **changes)
    try:
        yield running.wait_until_up()
    finally:
        running.kill()


def init_db(folder: Path, **changes: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "flask", "init-db"],
        cwd=ROOT,
        env=settings(folder, **changes),
        capture_output=True,
        check=True,
    )


class Nginx:
    """nginx with the documented configuration. Only ports and files are others."""

    def __init__(self, folder: Path, app_port: int) -> None:
        self.port, self.http_port = free_port(), free_port()
        self.folder = folder
        self.url = f"https://{HOST}:{self.port}"
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        (folder / "site.conf").write_text(self._site(app_port))
        (folder / "nginx.conf").write_text(self._main())
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log")]
        # Fails with the messages of nginx if the configuration is invalid.
        subprocess.run([*command, "-t", "-q"], check=True)
        assert not (folder / "start.log").read_text()
        self.process = subprocess.Popen(command)

    def _site(self, app_port: int) -> str:
        text = (FILES / "nginx.conf").read_text()
        text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
        text = text.replace("listen 80", f"listen 127.0.0.1:{self.http_port}")
        text = text.replace("listen 443", f"listen 127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{app_port}")
        text = re.sub(r"/etc/letsencrypt/\S*/\w+\.pem", f"{self.folder}/server.pem", text)
        return text.replace("/var/log/nginx", str(self.folder))

    def _main(self) -> str:
        # As in Debian's nginx.conf, with one process.
        user = "user root;" if os.getuid() == 0 else ""
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off; {user} worker_processes 1; pid {self.folder}/pid;"
            f" events {{ worker_connections 768; }}"
            f" http {{ include /etc/nginx/mime.types; {paths} include {self.folder}/site.conf; }}"
        )

    def wait_until_up(self) -> Nginx:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise AssertionError("nginx does not listen")

    def stop(self) -> None:
        # SIGKILL would leave the worker process behind.
        self.process.terminate()
        self.process.wait(timeout=10)

    def session(self, key: str | None = None) -> requests.Session:
        session = requests.Session()
        session.verify = self.ca
        session.trust_env = False
        if key:
            session.headers["x-api-key"] = key
        return session


@contextmanager
def nginx(folder: Path, app_port: int) -> Iterator[Nginx]:
    """Run nginx in front of a server."""
    running = Nginx(folder, app_port)
    try:
        yield running.wait_until_up()
    finally:
        running.stop()

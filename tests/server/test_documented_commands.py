"""Tests of docs/single-server.md: its commands run on a copy of this machine, under systemd."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.flask_run import ROOT
from ..support.machine import Machine, commit, machine, snapshot
from ..support.single_server import HOST

pytestmark = pytest.mark.server

PAGE = (ROOT / "docs/single-server.md").read_text()
# The packages are already installed, and root runs everything.
STUBS = {"sudo": 'exec "$@"', "apt-get": "exit"}
# `pip` gets the packages from a folder, because the copy has no network.
PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
HEALTHY = '{"status":"ok"}'


def commands(heading: str) -> list[str]:
    """Return the blocks of shell commands between a heading and the next heading."""
    (found,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", found, re.DOTALL | re.MULTILINE)
    assert blocks
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the repository and with Python packages."""
    folder = tmp_path_factory.mktemp("shared")
    snapshot(ROOT, folder / "repository")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    options = ["--only-binary=:all:", "--python-version", system_python(), "--dest", "wheels"]
    requirements = str(ROOT / "requirements-server.txt")
    subprocess.run([*pip, *options, "-r", requirements], cwd=folder, check=True)
    return folder


def system_python() -> str:
    """Return the version of the operating system's Python."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.check_output(["/usr/bin/python3", "-c", code], text=True).strip()


class Installed:
    """A machine on which the commands of the sections about the installation ran."""

    def __init__(self, copy: Machine) -> None:
        self.copy = copy
        for name, code in STUBS.items():
            path = f"/usr/local/bin/{name}"
            copy.output(f"printf '#!/bin/sh\\n%s\\n' '{code}' > {path}; chmod +x {path}")
        copy.output(f"echo 127.0.0.1 {HOST} >> /etc/hosts")
        copy.output("systemctl start nginx")
        install = commands("Install the service")
        (new_keys,) = (block for block in install if "new-key" in block)
        before, after = install[: install.index(new_keys)], install[install.index(new_keys) + 1 :]
        self.follow(before)
        printed = self.follow([new_keys])
        self.agent, self.desk = re.findall(r"\bitsm_\S+", printed)
        entries = re.findall(r"\b\w+:(?:agent|desk):[0-9a-f]{64}\b", printed)
        assert len(entries) == 2
        copy.output(f"sed -i 's/^API_KEYS=.*/API_KEYS={','.join(entries)}/' /etc/itsm-app/env")
        assert HEALTHY in self.follow(after)
        self.follow(commands("Start nginx"))

    def follow(self, blocks: list[str]) -> str:
        """Run blocks of commands as one person types them, and return the output."""
        text = "\n".join(blocks).replace("clone URL", "clone /srv/repository")
        return self.copy.output(f"cd /opt; [ ! -d itsm-app ] || cd itsm-app\n{text}", **PIP)

    def get(self, path: str) -> str:
        """Return the body of a response to the agent."""
        command = f"curl -sS --insecure -H 'x-api-key: {self.agent}' https://{HOST}{path}"
        return self.copy.output(command)

    def create(self, description: str = "My printer is on fire") -> str:
        """Create a ticket with the documented command, and return its ID."""
        (command,) = re.findall(r"^curl -H .*$", PAGE, re.MULTILINE)
        command = command.replace("KEY", self.agent).replace("My printer is on fire", description)
        return str(json.loads(self.copy.output(f"{command} -sS --insecure"))["ticket_id"])

    def description(self, ticket: str) -> str | None:
        found: dict[str, str] = json.loads(self.get(f"/tickets/{ticket}"))
        return found.get("issue_description")

    def main_pid(self) -> str:
        return self.copy.output("systemctl show -P MainPID itsm-app").strip()

    def wait_until_healthy(self) -> None:
        self.copy.output("curl -sSf --retry 9 --retry-connrefused http://127.0.0.1:8000/health")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Installed]:
    if os.getuid() != 0:
        pytest.skip("Only root can start a copy of this machine.")
    with machine(tmp_path_factory.mktemp("machine"), shared) as copy:
        yield Installed(copy)


def test_the_installed_service_stores_tickets(server: Installed) -> None:
    assert server.description(server.create("Ωραία 🔥")) == "Ωραία 🔥"
    assert server.get("/desk/sign-in").startswith("<!doctype html>")


def test_only_nginx_accepts_connections_of_other_machines(server: Installed) -> None:
    listeners = server.copy.output("ss -Hltnp")
    found = {
        (line.split()[3], re.findall(r'"([^"]+)"', line)[0]) for line in listeners.splitlines()
    }
    assert found == {("127.0.0.1:8000", "waitress-serve")} | {
        (f"{address}:{port}", "nginx") for address in ("0.0.0.0", "[::]") for port in (80, 443)
    }


def test_service_runs_as_a_user_without_rights(server: Installed) -> None:
    pid = server.main_pid()
    status = server.copy.output(f"cat /proc/{pid}/status")
    user = server.copy.output("id -u itsm-app").strip()
    assert re.search(rf"^Uid:\t{user}\t{user}\t{user}\t{user}$", status, re.MULTILINE)
    for field, value in {"CapEff": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"}.items():
        assert re.search(rf"^{field}:\t{value}$", status, re.MULTILINE), field
    # The file systems, as the service sees them.
    see = f"nsenter -t {pid} -m runuser -u itsm-app --"
    for path in ("/opt/itsm-app/x", "/etc/itsm-app/x", "/usr/x", "/root/x"):
        assert server.copy.run(f"{see} touch {path}").returncode != 0, path
    assert server.copy.run(f"{see} touch /var/lib/itsm-app/x").returncode == 0


def test_secrets_and_tickets_are_private(server: Installed) -> None:
    paths = "/etc/itsm-app/env /var/lib/itsm-app /var/lib/itsm-app/tickets.sqlite3"
    found = server.copy.output(f"stat -c '%U %a' {paths}")
    assert found.split("\n") == ["root 600", "itsm-app 700", "itsm-app 600", ""]
    assert server.copy.run("runuser -u nobody -- cat /etc/itsm-app/env").returncode != 0
    journal = server.copy.output("journalctl -u itsm-app -o cat")
    assert server.agent not in journal


def test_documented_commands_show_the_logs(server: Installed) -> None:
    server.create()
    shown = [
        server.copy.output(command)
        for command in re.findall(
            r"`(journalctl [^`]*|systemctl (?:status|list-timers)[^`]*)`", PAGE
        )
    ]
    assert len(shown) == 4
    lines = [line for line in shown[0].splitlines() if '"operation":"create_ticket"' in line]
    request = json.loads(lines[-1])["request_id"]
    assert server.copy.output("tail -1 /var/log/nginx/itsm-app.log").split()[-1] == request


def test_systemd_restarts_a_service_that_was_killed(server: Installed) -> None:
    ticket, before = server.create(), server.main_pid()
    server.copy.output(f"kill -9 {before}")
    deadline = time.monotonic() + 20
    while server.main_pid() in ("0", before):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.wait_until_healthy()
    assert server.description(ticket) == "My printer is on fire"


def test_stop_is_orderly(server: Installed) -> None:
    ticket = server.create()
    server.copy.output("systemctl stop itsm-app")
    shown = server.copy.output("systemctl show -P Result -P ExecMainStatus itsm-app").split()
    assert shown == ["success", "0"]
    server.copy.output("systemctl start itsm-app")
    server.wait_until_healthy()
    assert server.description(ticket) == "My printer is on fire"


def test_backup_is_restored(server: Installed) -> None:
    kept = server.create("before the backup")
    backup, restore = commands("Back up and restore")
    listed = server.follow([backup])
    name = re.findall(r"tickets-\S+\.sqlite3", listed)[-1]
    lost = server.create("after the backup")
    assert HEALTHY in server.follow([restore.replace("COPY", name)])
    assert server.description(kept) == "before the backup"
    assert server.description(lost) is None
    assert server.description(server.create("after the restore")) == "after the restore"
    server.copy.output("rm -r /var/lib/itsm-app-before")


def test_update_installs_a_new_release(server: Installed, shared: Path) -> None:
    ticket, before = server.create(), server.main_pid()
    module = shared / "repository/itsm_app/openapi/__init__.py"
    module.write_text(module.read_text() + "NEW = True\n")
    commit(shared / "repository")
    assert HEALTHY in server.follow(commands("Update"))
    assert server.main_pid() != before
    see = "cd /opt/itsm-app && .venv/bin/python -c 'import itsm_app.openapi as o; print(o.NEW)'"
    assert server.copy.output(see) == "True\n"
    assert server.description(ticket) == "My printer is on fire"


def test_service_reaches_the_network_for_dynamodb_only(server: Installed) -> None:
    assert "127.0.0.0/8" in server.copy.output("systemctl show -P IPAddressAllow itsm-app")
    assert "0.0.0.0/0" in server.copy.output("systemctl show -P IPAddressDeny itsm-app")
    server.follow(commands("Use DynamoDB"))
    assert "0.0.0.0/0" in server.copy.output("systemctl show -P IPAddressAllow itsm-app")
    server.copy.output("rm -r /etc/systemd/system/itsm-app.service.d; systemctl daemon-reload")


def test_itsm_flask_runs_as_the_service(server: Installed) -> None:
    assert server.create() in server.copy.output("itsm-flask export")
    user = server.copy.output("stat -c %U /var/lib/itsm-app/tickets.sqlite3*")
    assert {*user.split()} == {"itsm-app"}

"""Tests of the systemd units. systemd itself does not run in the tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ..support.single_server import FILES, server, unit

pytestmark = pytest.mark.server

UNITS = ("itsm-app.service", "itsm-app-backup.service", "itsm-app-backup.timer")
# The highest exposure that `systemd-analyze security` may report: 10 is the worst.
MAX_EXPOSURE = {"itsm-app.service": 1.5, "itsm-app-backup.service": 3.0}


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copy the units, and put the programs that they start where they look for them."""
    for name in UNITS:
        text = (FILES / name).read_text().replace("/opt/itsm-app", str(tmp_path))
        (tmp_path / name).write_text(text)
        for program in re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE):
            Path(program).parent.mkdir(parents=True, exist_ok=True)
            Path(program).touch(mode=0o755)
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(units: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", MAX_EXPOSURE)
def test_unit_is_hardened(units: Path, name: str) -> None:
    report = subprocess.check_output(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", units / name], text=True
    )
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert float(exposure) <= MAX_EXPOSURE[name]


def allowed_system_calls() -> set[str]:
    """Return the names that `SystemCallFilter` of the unit allows."""
    allowed: set[str] = set()
    for sign, groups in re.findall(r"^SystemCallFilter=(~?)(.*)$", unit(), re.MULTILINE):
        for group in groups.split():
            if sign:
                allowed -= system_calls(group)
            else:
                allowed |= system_calls(group)
    return allowed


def system_calls(group: str) -> set[str]:
    listed = subprocess.check_output(
        ["systemd-analyze", "syscall-filter", "--no-pager", group], text=True
    )
    names = re.findall(r"^ {4}(\S+)$", listed, re.MULTILINE)
    return {call for name in names for call in (system_calls(name) if name[0] == "@" else {name})}


def test_server_uses_only_system_calls_that_the_unit_allows(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with server(folder, "strace", "-f", "-qq", "-o", str(trace)) as running:
        assert running.create().status_code == 201
        assert running.get("/tickets?status=open").status_code == 200
        assert running.get("/desk").status_code == 200
    used = {*re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", trace.read_text(), re.MULTILINE)}
    assert "fdatasync" in used or "fsync" in used
    # systemd itself executes the program. SQLite calls fchown only if its user is root.
    assert used - {"resumed"} - allowed_system_calls() <= {"execve", "fchown"}

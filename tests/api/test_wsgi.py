"""Tests of importing `itsm_app.wsgi`: lazy imports and no side effects."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ..support.flask_run import ROOT, environ

# Import the app, then request a desk page. The audit hook also sees what libraries do while they
# are imported.
SCRIPT = """
import json, sys
effects = []
# socket.bind is not watched: urllib3 binds a local socket to check for IPv6 support.
watched = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.", "os.fork")
watched += ("os.exec", "os.posix_spawn", "os.mkdir", "os.rename", "os.remove")
sys.addaudithook(lambda event, _: effects.append(event) if event.startswith(watched) else None)
import itsm_app.wsgi
assert callable(itsm_app.wsgi.app)
report = {"effects": effects[:], "imported": [*sys.modules]}
itsm_app.wsgi.app.test_client().get("/desk")
print(json.dumps({**report, "imported at the first desk request": [*sys.modules]}))
"""


@pytest.fixture(scope="module")
def report() -> Any:
    """Return what the script has seen in a process of its own."""
    printed = subprocess.check_output(
        [sys.executable, "-B", "-W", "error", "-c", SCRIPT],
        cwd=ROOT,
        env=environ(LOCAL_DYNAMODB="instance/never", API_KEYS=""),
        text=True,
    )
    return json.loads(printed)


def imported(report: Any, package: str, when: str = "imported") -> list[str]:
    return [name for name in report[when] if name.startswith(package)]


def test_import_does_not_load_the_mcp_package(report: Any) -> None:
    assert imported(report, "itsm_app.blueprints.mcp")
    assert not imported(report, "itsm_app.mcp")


def test_import_has_no_side_effects(report: Any) -> None:
    assert report["effects"] == []
    assert not (ROOT / "instance/never").exists()


def test_desk_package_is_loaded_at_its_first_request(report: Any) -> None:
    assert not imported(report, "itsm_app.desk")
    assert len(imported(report, "itsm_app.desk", "imported at the first desk request")) > 3


def test_creating_the_app_loads_neither_search_nor_redaction() -> None:
    """With the embedded DynamoDB, `itsm_app.wsgi` loads it. A Lambda loads it at a search."""
    script = "import sys, itsm_app; itsm_app.create_app(); print(*sys.modules)"
    environment = environ(LOCAL_DYNAMODB="", API_KEYS="")
    printed = subprocess.check_output(
        [sys.executable, "-B", "-c", script], cwd=ROOT, env=environment, text=True
    )
    names = printed.split()
    assert "itsm_app.redaction" in names
    assert not [
        name for name in names if name.startswith(("itsm_app.search", "itsm_app.redaction."))
    ]

"""Tests of importing `itsm_app.wsgi`: lazy imports and no side effects."""

from __future__ import annotations

import subprocess
import sys

from ..support.flask_run import ROOT, environ

# The audit hook also sees what libraries do while they are imported.
WATCH = """
import sys
effects = []
# socket.bind is not watched: urllib3 binds a local socket to check for IPv6 support.
watched = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.", "os.fork")
watched += ("os.exec", "os.posix_spawn", "os.mkdir", "os.rename", "os.remove")
sys.addaudithook(lambda event, _: effects.append(event) if event.startswith(watched) else None)
import itsm_app.wsgi
assert callable(itsm_app.wsgi.app)
print(*effects)
"""


def test_import_does_not_load_the_mcp_package() -> None:
    command = (
        "import sys, itsm_app.wsgi; print(*(name for name in sys.modules if 'itsm_app' in name))"
    )
    imported = subprocess.check_output([sys.executable, "-c", command], cwd=ROOT, text=True).split()
    assert "itsm_app.blueprints.mcp" in imported
    assert not [name for name in imported if name.startswith("itsm_app.mcp")]


def test_import_has_no_side_effects() -> None:
    result = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", WATCH],
        cwd=ROOT,
        env=environ(LOCAL_DYNAMODB="instance/never"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "\n"
    assert not (ROOT / "instance/never").exists()


def test_desk_package_is_loaded_at_its_first_request() -> None:
    code = (
        "import sys, itsm_app.wsgi;"
        "loaded = lambda: [name for name in sys.modules if name.startswith('itsm_app.desk')];"
        "print(loaded()); itsm_app.wsgi.app.test_client().get('/desk'); print(len(loaded()) > 3)"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=environ(API_KEYS=""), text=True
    )
    assert printed == "[]\nTrue\n"

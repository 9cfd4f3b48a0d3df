from __future__ import annotations

import subprocess
import sys

from ..support.flask_run import ROOT, environ

# An audit hook sees what Python is about to do, whoever asks for it.
WATCH = """
import sys
effects = []
# urllib3 binds a socket to learn whether there is IPv6; nothing leaves the machine by that.
watched = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.", "os.fork")
watched += ("os.exec", "os.posix_spawn", "os.mkdir", "os.rename", "os.remove")
sys.addaudithook(lambda event, _: effects.append(event) if event.startswith(watched) else None)
import itsm_app.wsgi
assert callable(itsm_app.wsgi.app)
print(*effects)
"""


def test_what_only_language_models_use_is_not_imported_from_cold() -> None:
    command = (
        "import sys, itsm_app.wsgi; print(*(name for name in sys.modules if 'itsm_app' in name))"
    )
    imported = subprocess.check_output([sys.executable, "-c", command], cwd=ROOT, text=True).split()
    assert "itsm_app.blueprints.mcp" in imported
    assert not [name for name in imported if name.startswith("itsm_app.mcp")]


def test_the_import_has_no_side_effect() -> None:
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


def test_the_desk_is_loaded_when_it_is_first_asked_for() -> None:
    code = (
        "import sys, itsm_app.wsgi;"
        "loaded = lambda: [name for name in sys.modules if name.startswith('itsm_app.desk')];"
        "print(loaded()); itsm_app.wsgi.app.test_client().get('/desk'); print(len(loaded()) > 3)"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=environ(API_KEYS=""), text=True
    )
    assert printed == "[]\nTrue\n"

"""Tests that a web page of another origin reaches nothing in `flask run` but the app.

Release 0.1 had a second port, where such a page could delete all tickets with one form.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..support.browser import Browser, chromium
from ..support.flask_run import FlaskRun, flask_run

pytestmark = pytest.mark.browser

# The browser finds both hosts at this machine.
NETWORK = (
    "--host-resolver-rules=MAP attacker.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1,"
    " EXCLUDE localhost",
    "--no-proxy-server",
)
NEW = '{"caller_id": "a", "issue_description": "from another origin"}'
# The method, the path, and the body of a request that a page can send without asking the server.
ATTACKS = [
    ("GET", "/", None),
    ("GET", "/tickets?caller=a", None),
    ("GET", "/tickets?status=open", None),
    ("GET", "/desk", None),
    ("GET", "/_ministack/health", None),
    ("GET", "/_ministack/state", None),
    ("POST", "/_ministack/reset", ""),
    ("POST", "/_ministack/config", "{}"),
    # DynamoDB's own protocol, and one of the app's writes in each blueprint.
    ("POST", "/", '{"TableName": "poc-itsm-tickets"}'),
    ("POST", "/tickets", NEW),
    ("POST", "/tickets/{ticket}/comments", '{"comment": "from another origin"}'),
    ("POST", "/mcp", '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'),
    ("POST", "/desk/tickets", "caller_id=a&issue_description=from+another+origin"),
]
# `no-cors` sends the request and hides the response; `cors` asks for the response.
FETCH = """
const [url, method, body, mode, done] = arguments;
fetch(url, {method, body, mode}).then(
    async (response) => done([response.type, await response.text()]),
    () => done(["failed", ""]),
);
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FlaskRun]:
    with flask_run(LOCAL_DYNAMODB=str(tmp_path / "store")) as server:
        yield server


@pytest.fixture(params=["attacker.test", "localhost"])
def attacker(request: pytest.FixtureRequest, server: FlaskRun, tmp_path: Path) -> Iterator[Browser]:
    """Open a page of another origin in a browser."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "form.html").write_text(
        f"""<form method="post" enctype="text/plain" action="{server.url}/_ministack/reset">
        <button>Reset</button></form>
        <form method="post" enctype="text/plain" action="{server.url}/tickets">
        <input type="hidden" name='{NEW[:-2]} ' value='"}}'><button>Create</button></form>"""
    )
    handler = partial(QuietHandler, directory=str(tmp_path / "pages"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        url = f"http://{request.param}:{pages.server_port}"
        with chromium(url, tmp_path / "profile", network=NETWORK) as browser:
            browser.go("/form.html")
            yield browser
        pages.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Write nothing to stderr."""


def listening_ports(server: FlaskRun) -> set[int]:
    return {
        connection.laddr.port
        for process in server.processes()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def test_page_of_another_origin_reads_and_changes_nothing(
    server: FlaskRun, attacker: Browser
) -> None:
    ticket = server.create("a", "secret of a caller")
    stored = server.request("GET", f"/tickets/{ticket}?history=all").text
    for port in listening_ports(server):
        for method, path, body in ATTACKS:
            url = f"http://127.0.0.1:{port}{path.format(ticket=ticket)}"
            for mode in ("no-cors", "cors"):
                kind, text = attacker.driver.execute_async_script(FETCH, url, method, body, mode)
                # The app answers, and the browser hides the response from the page.
                assert (kind, text) == ("failed" if mode == "cors" else "opaque", ""), url
    for button in ("Reset", "Create"):
        attacker.go("/form.html")
        attacker.press(button)
        response = json.loads(attacker.driver.find_element("tag name", "pre").text)
        assert response["code"] == ("no_such_operation" if button == "Reset" else "no_keys")
    assert listening_ports(server) == {server.port}
    assert server.request("GET", f"/tickets/{ticket}?history=all").text == stored
    found = server.request("GET", "/tickets?status=open&limit=100").json()["tickets"]
    assert [each["ticket_id"] for each in found] == [ticket]


def test_paths_of_the_engine_of_release_01_do_not_exist(server: FlaskRun) -> None:
    for method, path, _ in ATTACKS:
        if path.startswith("/_ministack/"):
            response = server.request(method, path)
            assert (response.status_code, response.json()["code"]) == (404, "no_such_operation")

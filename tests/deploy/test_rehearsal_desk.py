"""A ticket's whole life in a deployed stage: an agent's tools, and the desk in a real Chromium."""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..support import mcp_messages
from ..support.aws import Aws
from ..support.browser import chromium
from ..support.deployment import Api

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


def call(api: Api, tool: str, arguments: dict[str, Any]) -> Any:
    """Return what a tool answers an agent."""
    params = {"name": tool, "arguments": arguments}
    body = mcp_messages.request(mcp_messages.MODERN, "tools/call", params)
    headers = mcp_messages.headers(mcp_messages.MODERN, "tools/call", tool)
    sent = {**mcp_messages.CLIENT, **headers}
    result = api.request("POST", "/mcp", json=body, headers=sent).json()["result"]
    assert not result["isError"]
    return result["structuredContent"]


def only(host: str, proxy: str) -> tuple[str, ...]:
    """Let a browser reach one host, through a proxy whose certificates it does not know."""
    there, nowhere = (f"PROXY {urlsplit(each).netloc}" for each in (proxy, "http://127.0.0.1:9"))
    answer = f"host == '{host}' ? '{there}' : '{nowhere}'"
    script = f"function FindProxyForURL(_, host) {{ return {answer} }}"
    url = f"data:application/x-ns-proxy-autoconfig;base64,{b64encode(script.encode()).decode()}"
    return f"--proxy-pac-url={url}", "--ignore-certificate-errors"


def test_an_agent_files_the_desk_resolves_and_the_agent_hears_of_it(
    aws: Aws, api: Api, caller: str, tmp_path: Path
) -> None:
    new = {"caller_id": caller, "issue_description": "My printer is on fire"}
    filed = call(api, "create_ticket", new)
    with chromium(api.url, tmp_path, network=only(api.host, aws.internet.url)) as browser:
        browser.sign_in(api.keys["desk"])
        assert browser.path() == "/poc/desk"
        browser.type("Find a ticket by its number, or a caller's tickets", filed["ticket_number"])
        browser.press("Find")
        assert browser.path() == f"/poc/desk/tickets/{filed['ticket_id']}"
        browser.press("Assign to me")
        browser.type("Answer", "The fire is out")
        browser.press("Send and resolve")
        assert "My printer is on fire" in browser.text()
        (cookie,) = browser.driver.get_cookies()
        assert (cookie["path"], cookie["secure"], cookie["httpOnly"]) == ("/poc/desk", True, True)
        assert cookie["sameSite"] == "Strict"
    assert aws.internet.refused <= {"pypi.org"}
    heard = call(api, "get_ticket_status", {"ticket_id": filed["spoken_number"]})
    assert (heard["status"], heard["assignee"]) == ("resolved", "anna")
    assert heard["comments"][-1]["comment_text"] == "The fire is out"

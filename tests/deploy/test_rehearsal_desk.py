"""Tests of a deployed stage with the MCP tools of an agent and the desk in a real Chromium."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ..support import mcp_messages
from ..support.aws import Aws
from ..support.browser import chromium, through_proxy
from ..support.deployment import Api

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


def call(api: Api, tool: str, arguments: dict[str, Any]) -> Any:
    """Call a tool with the agent's key and return its structured result."""
    params = {"name": tool, "arguments": arguments}
    body = mcp_messages.request(mcp_messages.MODERN, "tools/call", params)
    headers = mcp_messages.headers(mcp_messages.MODERN, "tools/call", tool)
    request_headers = {**mcp_messages.CLIENT, **headers}
    result = api.request("POST", "/mcp", json=body, headers=request_headers).json()["result"]
    assert not result["isError"]
    return mcp_messages.text_content(result)


def test_agent_creates_a_ticket_desk_resolves_it_and_agent_reads_the_answer(
    aws: Aws, api: Api, caller: str, tmp_path: Path
) -> None:
    new = {"caller_id": caller, "issue_description": "My printer is on fire"}
    created = call(api, "create_ticket", new)
    with chromium(api.url, tmp_path, network=through_proxy(api.host, aws.internet.url)) as browser:
        browser.sign_in(api.keys["desk"])
        assert browser.path() == "/poc/desk"
        browser.type("Find a ticket by its number, or a caller's tickets", created["ticket_number"])
        browser.press("Find")
        assert browser.path() == f"/poc/desk/tickets/{created['ticket_id']}"
        browser.press("Assign to me")
        browser.type("Answer", "The fire is out")
        browser.press("Send and resolve")
        assert "My printer is on fire" in browser.text()
        (cookie,) = browser.driver.get_cookies()
        assert (cookie["path"], cookie["secure"], cookie["httpOnly"]) == ("/poc/desk", True, True)
        assert cookie["sameSite"] == "Strict"
    assert aws.internet.refused <= {"pypi.org"}
    ticket = call(api, "get_ticket_status", {"ticket_id": created["spoken_number"]})
    assert (ticket["status"], ticket["assignee"]) == ("resolved", "anna")
    assert ticket["comments"][-1]["comment_text"] == "The fire is out"

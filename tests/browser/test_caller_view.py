"""Test that a caller's agent reads the desk's answer over MCP, and nothing internal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from ..support.browser import Browser
from ..support.desk import AGENT, ANNA
from ..support.desk_server import Open, Server
from ..support.mcp_messages import CLIENT
from ..support.two_callers import quoted

pytestmark = pytest.mark.browser

NOTE = "The caller may have a faulty badge"
ANSWER = "We replace the badge reader today."
HANDOVER = {
    "reason": "asks for a person",
    "summary": "Badge refused twice at the north gate",
    "contact_id": "contact-4711",
}
INTERNAL = [NOTE, *HANDOVER.values(), "internal", "visibility", "created_by", "duplicates"]


def call_tool(server: Server, caller: str, tool: str, **arguments: Any) -> Any:
    """Call a tool as the caller's agent, and return its result as data."""
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {**CLIENT, "MCP-Protocol-Version": "2025-11-25", "X-Caller-Id": quoted(caller)}
    response = server.request("POST", "/mcp", AGENT, json=message, headers=headers)
    result = response["result"]
    assert result["isError"] is False, result
    return json.loads(result["content"][0]["text"])


def work_at_the_desk(browser: Browser, waiting: str, duplicate: str, others: list[str]) -> None:
    """Take a hand-over, write a note, answer, merge a duplicate and resolve five tickets."""
    browser.sign_in(ANNA)
    browser.go("/desk?view=waiting")
    browser.find(f'a[href*="{waiting}"]').click()
    browser.wait(lambda: browser.path().endswith(waiting))
    assert HANDOVER["summary"] in browser.find(".handover").text
    number = browser.find("h1 .number").text
    browser.press("Take")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, "section.handover")
    browser.find("[value=internal]").click()
    browser.type("Note", NOTE)
    browser.press("Add internal note")
    assert NOTE in browser.find(".comment.note").text
    browser.type("Answer", ANSWER)
    browser.press("Send answer")
    assert ANSWER in browser.text()
    browser.go(f"/desk/tickets/{duplicate}")
    browser.find(".merge summary").click()
    browser.find("#duplicate_of").send_keys(number)
    browser.press("Close as duplicate")
    browser.press("Close as duplicate")
    assert f"closed as a duplicate of {number}" in browser.text()
    browser.go("/desk?view=open&order=newest")
    for ticket in others:
        browser.find(f'input[value^="{ticket}"]').click()
    browser.press("Resolve")
    assert "5 of 5 tickets resolved." in browser.text()


@pytest.mark.parametrize("javascript", [True, False])
def test_agent_reads_the_answer_over_mcp_and_nothing_internal(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    caller = f"+1555018{int(javascript)}"
    created = call_tool(
        server, caller, "create_ticket", issue_description="My badge is refused", handover=HANDOVER
    )
    waiting = created["ticket_id"]
    duplicate, *others = (
        call_tool(server, caller, "create_ticket", issue_description=f"Badge {number}")["ticket_id"]
        for number in range(6)
    )
    with open_browser(javascript=javascript) as browser:
        browser.set_width(1440)
        work_at_the_desk(browser, waiting, duplicate, others)
    ticket = call_tool(server, caller, "get_ticket_status", ticket_id=created["ticket_number"])
    assert [each["comment_text"] for each in ticket["comments"]] == [ANSWER]
    assert (ticket["assignee"], ticket["handover"]["status"]) == ("anna.b", "taken")
    merged = call_tool(server, caller, "get_ticket_status", ticket_id=duplicate)
    assert (merged["status"], merged["duplicate_of"]) == ("closed", created["ticket_number"])
    listed = call_tool(server, caller, "list_recent_tickets", comments="all", limit=10)["tickets"]
    statuses = {each["ticket_id"]: each["status"] for each in listed}
    assert [statuses[each] for each in others] == ["resolved"] * 5
    seen = json.dumps([ticket, merged, listed])
    assert [text for text in INTERNAL if text in seen] == []
    # The desk reads the note and the summary in the same ticket.
    assert all(text in json.dumps(server.ticket(waiting)) for text in (NOTE, HANDOVER["summary"]))

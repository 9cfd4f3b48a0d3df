"""Tests of API keys and roles through API Gateway."""

from __future__ import annotations

import sys

import pytest

from ..api.test_auth import BODY, CELLS, OTHER
from ..support.deployment import Api

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


@pytest.mark.parametrize(("method", "path", "sender", "status"), CELLS)
def test_route_returns_the_expected_status_for_each_sender(
    api: Api, deployed_ticket: str, method: str, path: str, sender: str, status: int
) -> None:
    special = {"wrong key": f"{api.keys['desk']}x", "other caller": api.keys["agent"]}
    # None removes the header that `api.request` sends by default.
    headers = {"x-api-key": {**api.keys, **special}.get(sender)}
    response = api.request(
        method,
        path.replace("<ticket_id>", deployed_ticket).replace("<name>", "none"),
        headers=headers | (OTHER if sender == "other caller" else {}),
        json=BODY if method in ("POST", "PATCH") else None,
        allow_redirects=False,
    )
    assert response.status_code == status
    # The desk returns HTML pages.
    if status in (401, 403) and not path.startswith("/desk"):
        assert response.json()["code"] in ("key_refused", "role_refused")


@pytest.mark.parametrize("role", ["agent", "desk"])
def test_accepts_keys_as_bearer_tokens(api: Api, role: str) -> None:
    headers = {"x-api-key": None, "Authorization": f"Bearer {api.keys[role]}"}
    assert api.request("GET", "/tickets/none", headers=headers).status_code == 404


def test_desk_changes_a_ticket_of_an_agent(api: Api, deployed_ticket: str) -> None:
    changes = {"status": "in_progress", "assignee": "anna"}
    path = f"/tickets/{deployed_ticket}"
    changed = api.request("PATCH", path, "desk", json=changes)
    assert (changed.status_code, changed.json()["assignee"]) == (200, "anna")
    queue = api.request("GET", "/tickets", "desk", params={"status": "in_progress", "limit": 100})
    assert deployed_ticket in [ticket["ticket_id"] for ticket in queue.json()["tickets"]]
    history = api.request("GET", path, "desk", params={"history": "all"}).json()["history"]
    assert {event["changed_by"] for event in history} == {"anna"}
    assert api.get(deployed_ticket).json()["status"] == "in_progress"

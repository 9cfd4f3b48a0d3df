"""Who is let in through API Gateway, and to what."""

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
def test_each_route_lets_in_whom_it_should(
    api: Api, deployed_ticket: str, method: str, path: str, sender: str, status: int
) -> None:
    others = {"wrong key": f"{api.keys['desk']}x", "other caller": api.keys["agent"]}
    # None takes out what would be sent otherwise.
    headers = {"x-api-key": {**api.keys, **others}.get(sender)}
    response = api.request(
        method,
        path.replace("<ticket_id>", deployed_ticket).replace("<name>", "none"),
        headers=headers | (OTHER if sender == "other caller" else {}),
        json=BODY if method in ("POST", "PATCH") else None,
        allow_redirects=False,
    )
    assert response.status_code == status
    # The desk answers with pages.
    if status in (401, 403) and not path.startswith("/desk"):
        assert response.json()["code"] in ("key_refused", "role_refused")


@pytest.mark.parametrize("role", ["agent", "desk"])
def test_a_key_may_come_as_a_bearers(api: Api, role: str) -> None:
    headers = {"x-api-key": None, "Authorization": f"Bearer {api.keys[role]}"}
    assert api.request("GET", "/tickets/none", headers=headers).status_code == 404


def test_the_desk_works_what_an_agent_filed(api: Api, deployed_ticket: str) -> None:
    wanted = {"status": "in_progress", "assignee": "anna"}
    path = f"/tickets/{deployed_ticket}"
    changed = api.request("PATCH", path, "desk", json=wanted)
    assert (changed.status_code, changed.json()["assignee"]) == (200, "anna")
    queue = api.request("GET", "/tickets", "desk", params={"status": "in_progress", "limit": 100})
    assert deployed_ticket in [each["ticket_id"] for each in queue.json()["tickets"]]
    history = api.request("GET", path, "desk", params={"history": "all"}).json()["history"]
    assert {each["changed_by"] for each in history} == {"anna"}
    assert api.get(deployed_ticket).json()["status"] == "in_progress"

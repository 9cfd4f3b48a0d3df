"""Tests of the caller ids of tickets that release 0.1 stored on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from itsm_app import config

from ..conftest import shared_app
from ..support.embedded_dynamodb import embedded_dynamodb

pytestmark = pytest.mark.embedded

TIME = "2025-02-09T12:20:25.343883Z"


@pytest.mark.parametrize(
    ("form", "old", "new"),
    [
        ("", " Zoe\u0308 ", "Zo\u00eb"),
        ("", "Anonymous", "anonymous"),
        ("phone", "+1 (555) 01-43", "+15550143"),
    ],
)
def test_tickets_of_release_0_1_get_normalised_caller_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, old: str, new: str
) -> None:
    texts = {"ticket_id": "old", "caller_id": old, "issue_description": "x", "status": "open"}
    texts |= dict.fromkeys(("created_at", "updated_at"), TIME)
    ticket: Any = {**{name: {"S": text} for name, text in texts.items()}, "comments": {"L": []}}
    items = {"old": {"": ticket}, "other": {"": {"ticket_id": {"S": "other"}}}}
    tables = {"1": {"TableName": "poc-itsm-tickets", "items": items}}
    file = tmp_path / "dynamodb.json"
    file.write_text(json.dumps({"payload": {"tables": {"data": tables}}}))
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    with embedded_dynamodb(tmp_path):
        assert shared_app().test_cli_runner().invoke(args=["init-db"]).exit_code == 0
        client = shared_app().test_client()
        for caller in (old, new):
            found = client.get("/tickets", headers={"X-Caller-Id": quote(caller)}).json["tickets"]
            assert [(each["ticket_id"], each["caller_id"]) for each in found] == [("old", new)] or (
                new == "anonymous"
            )
            found = client.get("/tickets/old", headers={"X-Caller-Id": quote(caller)})
            assert (found.status_code, found.json["caller_id"]) == (200, new)

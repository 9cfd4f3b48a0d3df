"""Tests of the AWS credentials lookup."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log

pytestmark = ON_MOTO

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def test_client_created_without_credentials_uses_credentials_set_later(
    client: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ticket, "_connection", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in KEYS:
        monkeypatch.delenv(name)
    Ticket.connection()
    assert client.get("/tickets/x").status_code == 500
    assert log.lines("storage_unavailable")[0]["cause"] == "NoCredentialsError"
    for name in KEYS:
        monkeypatch.setenv(name, "late")
    assert client.get("/tickets/x").status_code == 404

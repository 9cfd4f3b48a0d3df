"""Tests of `GET /health`."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from itsm_app.blueprints import health

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse
from ..support.keyless import keyless_app


@pytest.fixture
def client(engine: str) -> FlaskClient:
    """Return a client of an app that has not read DynamoDB yet."""
    return keyless_app().test_client()


def test_health_returns_ok_when_the_table_is_readable(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json == {"status": "ok"}


@ON_MOTO
def test_health_sends_one_get_item_request_in_five_seconds(
    client: FlaskClient, faults: FaultyDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert client.get("/health").status_code == 200
    assert faults.operations == ["GetItem"]
    monkeypatch.setattr(health, "MAX_AGE_SECONDS", -1)
    assert client.get("/health").status_code == 200
    assert faults.operations == ["GetItem"] * 2


@ON_MOTO
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_health_returns_500_when_the_table_is_not_readable(
    client: FlaskClient, faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    for _ in range(3):
        response = client.get("/health")
        assert response.status_code == 500
        assert response.json["code"] == "storage_unavailable"
    assert faults.operations == ["GetItem"]

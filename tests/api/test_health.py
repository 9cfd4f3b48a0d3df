"""Tests of `GET /health`."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse


def test_health_returns_ok_when_the_table_is_readable(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json == {"status": "ok"}


@ON_MOTO
def test_health_sends_one_get_item_request(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    client.get("/health")
    assert faults.operations == ["GetItem"]


@ON_MOTO
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_health_returns_500_when_the_table_is_not_readable(
    client: FlaskClient, faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    response = client.get("/health")
    assert response.status_code == 500
    assert response.json["code"] == "storage_unavailable"

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse


def test_health_is_ok_when_the_tickets_can_be_read(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json == {"status": "ok"}


@ON_MOTO
def test_health_costs_one_read_of_one_key(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    client.get("/health")
    assert faults.operations == ["GetItem"]


@ON_MOTO
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_health_fails_with_its_table(
    client: FlaskClient, faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    response = client.get("/health")
    assert response.status_code == 500
    assert response.json["code"] == "storage_unavailable"

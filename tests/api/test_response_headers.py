"""Tests of the headers that every response has, and of request ids."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

pytestmark = ON_MOTO

GATEWAY = {"apig_wsgi.request_context": {"requestId": "gateway-id"}}


@pytest.mark.parametrize(("path", "status"), [("/tickets/x", 404), ("/tickets?caller=x", 200)])
def test_every_response_has_the_standard_headers(
    client: FlaskClient, path: str, status: int
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-Id"]
    assert response.content_type == "application/json"


def test_500_response_has_the_standard_headers(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    faults.faults.append(refuse("AccessDeniedException"))
    response = client.get("/tickets/x", headers={"X-Request-Id": "mine"})
    assert response.status_code == 500
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Request-Id"] == response.json["request_id"] == "mine"


@pytest.mark.parametrize(
    "request_id", ["a", "1-67891233-abcdef012345678912345678", "x" * 100, "Root=1:_."]
)
def test_keeps_a_valid_request_id_from_the_client(client: FlaskClient, request_id: str) -> None:
    response = client.get("/", headers={"X-Request-Id": request_id}, environ_overrides=GATEWAY)
    assert response.headers["X-Request-Id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 101, "two words", "Ω", '"}', "<script>", "a\tb"])
def test_replaces_an_invalid_request_id(client: FlaskClient, request_id: str) -> None:
    environ = {"HTTP_X_REQUEST_ID": request_id}
    assert UUID(client.get("/", environ_overrides=environ).headers["X-Request-Id"]).version == 4


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (GATEWAY, "gateway-id"),
        ({"apig_wsgi.request_context": {}}, None),
        ({"apig_wsgi.request_context": None}, None),
    ],
)
def test_lambda_uses_the_request_id_of_api_gateway(
    client: FlaskClient, environ: dict[str, Any], expected: str | None
) -> None:
    request_id = client.get("/", environ_overrides=environ).headers["X-Request-Id"]
    assert request_id == expected or (expected is None and UUID(request_id))

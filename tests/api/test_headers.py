from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

pytestmark = ON_MOTO

GATEWAY = {"apig_wsgi.request_context": {"requestId": "of-the-gateway"}}


@pytest.mark.parametrize(("path", "status"), [("/tickets/x", 404), ("/tickets?caller=x", 200)])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-Id"]
    assert response.content_type == "application/json"


def test_a_500_carries_the_headers_too(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    faults.faults.append(refuse("AccessDeniedException"))
    response = client.get("/tickets/x", headers={"X-Request-Id": "mine"})
    assert response.status_code == 500
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Request-Id"] == response.json["request_id"] == "mine"


@pytest.mark.parametrize(
    "sane", ["a", "1-67891233-abcdef012345678912345678", "x" * 100, "Root=1:_."]
)
def test_a_sane_request_id_of_the_callers_is_kept(client: FlaskClient, sane: str) -> None:
    response = client.get("/", headers={"X-Request-Id": sane}, environ_overrides=GATEWAY)
    assert response.headers["X-Request-Id"] == sane


@pytest.mark.parametrize("insane", ["", "x" * 101, "two words", "Ω", '"}', "<script>", "a\tb"])
def test_any_other_is_replaced(client: FlaskClient, insane: str) -> None:
    sent = {"HTTP_X_REQUEST_ID": insane}
    assert UUID(client.get("/", environ_overrides=sent).headers["X-Request-Id"]).version == 4


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        (GATEWAY, "of-the-gateway"),
        ({"apig_wsgi.request_context": {}}, None),
        ({"apig_wsgi.request_context": None}, None),
    ],
)
def test_in_the_lambda_it_is_that_of_api_gateway(
    client: FlaskClient, environ: dict[str, Any], wanted: str | None
) -> None:
    got = client.get("/", environ_overrides=environ).headers["X-Request-Id"]
    assert got == wanted or (wanted is None and UUID(got))

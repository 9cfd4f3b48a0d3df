"""Tests of the paths at which MCP clients look for an OAuth server, which this service lacks."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB

DOCUMENTS = ["oauth-authorization-server", "oauth-protected-resource", "openid-configuration"]
REQUESTS = [
    *(
        ("GET", path.format(document))
        for document in DOCUMENTS
        for path in (
            "/.well-known/{}",
            "/.well-known/{}/mcp",
            "/.well-known/{}/poc/mcp",
            "/mcp/.well-known/{}",
        )
    ),
    ("POST", "/register"),
    ("POST", "/token"),
    ("GET", "/authorize?response_type=code&client_id=x"),
]


@ON_MOTO
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_oauth_path_says_that_the_service_uses_a_key(
    app_with_keys: Flask, faults: FaultyDynamoDB, log: Log, method: str, path: str
) -> None:
    response = app_with_keys.test_client().open(path, method=method, data=b"{")
    body = response.json
    assert (response.status_code, response.content_type) == (404, "application/json")
    assert (body["code"], body["retryable"]) == ("no_oauth", False)
    assert "x-api-key" in body["error"]
    # Clients of OAuth show this field. RFC 6749, section 5.2, defines its characters.
    assert body["error_description"] == body["error"]
    assert re.fullmatch(r"[ !#-\[\]-~]*", body["error_description"])
    assert set(body) == {"error", "code", "retryable", "request_id", "error_description"}
    assert "WWW-Authenticate" not in response.headers
    assert faults.operations == []
    (line,) = log.lines("request")
    assert (line["operation"], line["route"], line["status"]) == (None, None, 404)


@pytest.mark.parametrize(
    "path",
    ["/.well-known/oauth-client", "/.well-known/x", "/register/x", "/mcp/register", "/tokens"],
)
def test_other_unknown_paths_are_no_oauth_paths(app_with_keys: Flask, path: str) -> None:
    response = app_with_keys.test_client().get(path)
    assert (response.status_code, response.json["code"]) == (404, "no_such_operation")
    assert "error_description" not in response.json

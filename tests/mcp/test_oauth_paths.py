"""Tests of the paths at which MCP clients look for an OAuth server, which this service lacks."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from flask import Flask
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider, OAuthRegistrationError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

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


class NoTokens:
    """A token storage without tokens."""

    async def get_tokens(self) -> None:
        return None

    async def get_client_info(self) -> None:
        return None


def test_official_client_without_a_key_shows_that_the_service_uses_a_key(
    app_with_keys: Flask,
) -> None:
    client = app_with_keys.test_client()
    paths = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        url = urlsplit(str(request.url))
        paths.append(url.path)
        response = client.open(
            url.path,
            method=request.method,
            data=request.content,
            headers=[*request.headers.items()],
        )
        return httpx2.Response(
            response.status_code, headers=[*response.headers], content=response.data
        )

    async def connect() -> None:
        metadata = OAuthClientMetadata.model_validate({"redirect_uris": ["http://localhost:1/"]})
        storage: Any = NoTokens()
        provider = OAuthClientProvider("https://tickets.example.com/mcp", metadata, storage)
        async with (
            httpx2.AsyncClient(auth=provider, transport=httpx2.MockTransport(serve)) as http,
            streamable_http_client("https://tickets.example.com/mcp", http_client=http) as (
                receiving,
                sending,
            ),
            ClientSession(receiving, sending) as session,
        ):
            await session.initialize()

    with pytest.raises(BaseExceptionGroup) as raised:
        anyio.run(connect)
    assert raised.group_contains(OAuthRegistrationError, match="in the header x-api-key")
    assert paths[-1] == "/register"
    assert len(paths) == 5

"""Tests of what the official client shows if it looks for an OAuth server."""

from __future__ import annotations

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

# The fast suite sends the same requests without the SDK, which takes 0.6 s to import:
# `test_oauth_paths.py`.
pytestmark = pytest.mark.exhaustive


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

"""Messages and headers of an MCP client, written by hand from the text of each revision."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
REVISIONS = (MODERN, *LEGACY)
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META: dict[str, Any] = {
    VERSION: MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "ExampleClient", "version": "1.0.0"},
    CAPABILITIES: {},
}
CLIENT = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}


def send(client: FlaskClient, body: Any, headers: dict[str, str | None]) -> TestResponse:
    """POST a body. Bytes are sent unchanged; a header with the value None is omitted."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request_headers = {
        name: value for name, value in {**CLIENT, **headers}.items() if value is not None
    }
    return client.post("/mcp", data=data, headers=request_headers)


def request(revision: str, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a JSON-RPC request of this revision."""
    if revision == MODERN:
        params = {"_meta": META, **(params or {})}
    message = {"jsonrpc": "2.0", "id": 1, "method": method}
    return message if params is None else {**message, "params": params}


def headers(revision: str, method: str, name: str | None = None) -> dict[str, str | None]:
    """Return the headers that a client of this revision sends with a request."""
    if revision == MODERN:
        return {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": name}
    return {"MCP-Protocol-Version": None if revision == "2025-03-26" else revision}


def ask(
    client: FlaskClient,
    revision: str,
    method: str,
    params: dict[str, Any] | None = None,
    extra: dict[str, str] | None = None,
) -> TestResponse:
    """POST a request with the headers of its revision and the extra headers."""
    request_headers = headers(revision, method, (params or {}).get("name"))
    return send(client, request(revision, method, params), {**request_headers, **(extra or {})})


def call(
    client: FlaskClient,
    tool: str,
    arguments: Any,
    revision: str = LEGACY[0],
    extra: dict[str, str] | None = None,
) -> Any:
    """Call a tool and return its result."""
    params = {"name": tool, "arguments": arguments}
    response = ask(client, revision, "tools/call", params, extra)
    assert response.status_code == 200, response.text
    return response.json["result"]


def text_content(result: dict[str, Any]) -> Any:
    """Return the parsed JSON of the single text block of a tool result."""
    (block,) = result["content"]
    assert (set(block), block["type"]) == ({"type", "text"}, "text")
    return json.loads(block["text"])

"""The request interceptor of an Amazon Bedrock AgentCore gateway: it names the caller.

This is a Lambda function of its own. The gateway invokes it before each request to the ticket
service: see "Amazon Bedrock AgentCore Gateway" in docs/agents.md. The function sets the header
`X-Caller-Id`, so that the service limits the request to one caller. It rejects tool calls without
a caller, because the service would not limit them.

If the environment variable `CALLER_CLAIM` is set, the caller is this claim of the client's token.
The gateway has verified the token. Otherwise the caller is the tool's argument `caller` or
`caller_id`: only a flow that fills in this argument may use the gateway then, not a model.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.parse import quote

HEADER = "X-Caller-Id"
ARGUMENTS = ("caller", "caller_id")


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Return the gateway's request with the caller, or a JSON-RPC error without one."""
    request = event["mcp"]["gatewayRequest"]
    body = request.get("body")
    claim = os.environ.get("CALLER_CLAIM")
    caller = _claim(request, claim) if claim else _argument(body)
    if caller:
        # The header of the interceptor replaces one that the client has sent.
        return _output(
            transformedGatewayRequest={"headers": {HEADER: quote(caller, safe="")}, "body": body}
        )
    if isinstance(body, dict) and _is_harmless(body.get("method")):
        return _output(transformedGatewayRequest={"body": body})
    message = "The caller is unknown. Only a request that names its caller may call a tool."
    request_id = body.get("id") if isinstance(body, dict) else None
    error = {"jsonrpc": "2.0", "id": request_id, "error": {"code": -32600, "message": message}}
    return _output(transformedGatewayResponse={"statusCode": 200, "body": error})


def _output(**content: Any) -> dict[str, Any]:
    return {"interceptorOutputVersion": "1.0", "mcp": content}


def _is_harmless(method: Any) -> bool:
    # These methods return no ticket.
    return method in ("initialize", "ping", "server/discover", "tools/list") or (
        isinstance(method, str) and method.startswith("notifications/")
    )


def _claim(request: dict[str, Any], name: str) -> str:
    """Return a claim of the client's token, or an empty text."""
    headers = {key.lower(): value for key, value in (request.get("headers") or {}).items()}
    kind, _, token = str(headers.get("authorization", "")).partition(" ")
    parts = token.strip().split(".")
    if kind.lower() != "bearer" or len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return ""
    return _text(claims.get(name)) if isinstance(claims, dict) else ""


def _argument(body: Any) -> str:
    """Return the caller that the arguments of a tool call name, or an empty text."""
    try:
        arguments = body["params"]["arguments"]
        named = {_text(arguments[name]) for name in ARGUMENTS if name in arguments}
    except (KeyError, TypeError):
        return ""
    return named.pop() if len(named) == 1 else ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""

"""Events that a REST API of API Gateway sends to a Lambda, and the responses that it accepts.

The sources are "Input format of a Lambda function for proxy integration" and "Output format of a
Lambda function for proxy integration" in the API Gateway Developer Guide.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

STAGE = "poc"
API_HOST = "abc123.execute-api.us-east-1.amazonaws.com"
CUSTOM_HOST = "tickets.example.com"
KEY = f"itsm_{'k' * 43}"
API_KEYS = f"voice:agent:{hashlib.sha256(KEY.encode()).hexdigest()}"
"""The API_KEYS setting of a function that accepts `KEY`."""

# The headers of every event, besides `Host`: those of API Gateway and curl, and the API key.
HEADERS = [
    ("Accept", "*/*"),
    ("x-api-key", KEY),
    ("User-Agent", "curl/8.9.1"),
    ("X-Amzn-Trace-Id", "Root=1-5e66d96f-7491f09xmpl79d18acf3d050"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "https"),
]

Pairs = Sequence[tuple[str, str]]


def event(
    method: str,
    path: str,
    *,
    query: Pairs = (),
    headers: Pairs = (),
    body: str | bytes | None = None,
    host: str = API_HOST,
    base_path: str = "",
) -> dict[str, Any]:
    """Return the event for a request.

    `path` is percent-encoded, as the client sent it, without the stage and without the base path of
    a custom domain. `base_path` starts with a slash. The names and values of `query` are decoded. A
    body of bytes is Base64-encoded, like a body of a binary media type.
    """
    # API Gateway removes a slash at the end from the parameter, and not from the path.
    proxy = path.removeprefix("/").removesuffix("/")
    resource = "/{proxy+}" if proxy else "/"
    all_headers = [*HEADERS, ("Host", host), *headers]
    binary = isinstance(body, bytes)
    return {
        "resource": resource,
        "path": base_path + path,
        "httpMethod": method,
        "headers": dict(all_headers),
        "multiValueHeaders": _multi_value(all_headers),
        # Without a query both fields are null. This field has the last value of a repeated name.
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _multi_value(query) or None,
        "pathParameters": {"proxy": proxy} if proxy else None,
        "stageVariables": None,
        "requestContext": _context(method, base_path + path, host, resource),
        "body": b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": binary,
    }


def _multi_value(pairs: Pairs) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _context(method: str, path: str, host: str, resource: str) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": "abc123",
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": "JJbxmplHoAMFp9A=",
        "httpMethod": method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": "203.0.113.7",
            "user": None,
            "userAgent": "curl/8.9.1",
            "userArn": None,
        },
        # On a custom domain the path has no stage.
        "path": path if host == CUSTOM_HOST else f"/{STAGE}{path}",
        "protocol": "HTTP/1.1",
        "requestId": str(uuid4()),
        "requestTime": "23/Nov/2026:19:15:17 +0000",
        "requestTimeEpoch": 1795461317135,
        "resourceId": "2gxmpl",
        "resourcePath": resource,
        "stage": STAGE,
    }


class ApiResponse:
    """The HTTP response that a client gets for the result of a Lambda.

    Raises:
        AssertionError: API Gateway would return 502, "Malformed Lambda proxy response".
    """

    def __init__(self, returned: Any) -> None:
        fields = {"isBase64Encoded", "statusCode", "headers", "multiValueHeaders", "body"}
        assert set(returned) <= fields, returned
        assert isinstance(returned.get("body", ""), str)
        assert not returned.get("isBase64Encoded"), "the app sends no binary bodies"
        self.status = int(returned["statusCode"])
        self.text: str = returned.get("body", "")
        self.headers: list[tuple[str, str]] = [*returned.get("headers", {}).items()]
        for name, values in returned.get("multiValueHeaders", {}).items():
            self.headers += [(name, value) for value in values]
        assert all(isinstance(value, str) for _, value in self.headers)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def header(self, name: str) -> str:
        """Return the value of a header that occurs once."""
        (value,) = [value for key, value in self.headers if key.lower() == name.lower()]
        return value

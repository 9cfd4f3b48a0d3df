"""Headers that every response has, and request IDs, which link a response to its log line."""

from __future__ import annotations

import re
from uuid import uuid4

from flask import Flask, Response, g, request

# These characters are safe in a log line and in a header.
VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=-]{1,100}")


def init_app(app: Flask) -> None:
    """Set the request ID of each request and the headers of each response."""
    app.before_request(_set_request_id)
    app.after_request(_add_headers)


def _set_request_id() -> None:
    sent_id = request.headers.get("X-Request-Id", "")
    if VALID_REQUEST_ID.fullmatch(sent_id):
        g.request_id = sent_id
    else:
        g.request_id = _api_gateway_request_id() or str(uuid4())


def _api_gateway_request_id() -> str | None:
    # apig-wsgi passes on `requestContext` of the Lambda event: "Input format of a Lambda function
    # for proxy integration" in the API Gateway Developer Guide.
    context = request.environ.get("apig_wsgi.request_context") or {}
    return context.get("requestId")


def _add_headers(response: Response) -> Response:
    # A view can set its own Cache-Control.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Request-Id"] = g.request_id
    return response

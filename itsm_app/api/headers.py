"""The headers that every answer carries, and the request id that ties an answer to the log."""

from __future__ import annotations

import re
from uuid import uuid4

from flask import Flask, Response, g, request

# What can stand in a log line and a header without doing harm there.
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=-]{1,100}")


def init_app(app: Flask) -> None:
    """Give each request its id and each answer its headers."""
    app.before_request(_choose_request_id)
    app.after_request(_add_headers)


def _choose_request_id() -> None:
    sent = request.headers.get("X-Request-Id", "")
    if SANE_REQUEST_ID.fullmatch(sent):
        g.request_id = sent
    else:
        g.request_id = _api_gateway_request_id() or str(uuid4())


def _api_gateway_request_id() -> str | None:
    # apig-wsgi hands on the Lambda's event. `requestContext.requestId`: "Input format of a Lambda
    # function for proxy integration" in the API Gateway Developer Guide.
    context = request.environ.get("apig_wsgi.request_context") or {}
    return context.get("requestId")


def _add_headers(response: Response) -> Response:
    # A view that knows better has said so.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Request-Id"] = g.request_id
    return response

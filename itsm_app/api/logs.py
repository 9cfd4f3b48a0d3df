"""JSON log lines: one for each request, each retry and each unexpected exception.

Log lines contain no personal data: no body, no path, no query, and no message of an exception.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from traceback import format_tb

import msgspec
from flask import Flask, Response, g, has_request_context, request
from flask.logging import default_handler

from ..storage.retry import retries, throttles
from . import metrics


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON. `extra={"fields": {...}}` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "message": record.getMessage(),
            "request_id": g.get("request_id") if has_request_context() else None,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["stack"] = _stack(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def init_app(app: Flask) -> None:
    """Log as JSON, and log each request once."""
    default_handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("itsm_app")
    logger.addHandler(default_handler)
    logger.setLevel(logging.INFO)
    # The root logger would write each line a second time.
    logger.propagate = False
    logging.getLogger("werkzeug").addFilter(_is_not_access_line)
    app.before_request(_start_clock)
    app.after_request(_log_request)


def _start_clock() -> None:
    g.started = time.perf_counter()
    retries.set(0)
    throttles.set(0)


def _log_request(response: Response) -> Response:
    # A tool call is logged under the name of its operation. If the call fails, the HTTP status is
    # 200, and `g.status` is the status of the error.
    operation = g.get("tool") or _operation()
    status = g.get("status", response.status_code)
    milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
    fields = {
        "operation": operation,
        "route": request.url_rule and request.url_rule.rule,
        "status": status,
        "milliseconds": milliseconds,
        "retries": retries.get(),
        **metrics.embedded_metrics(operation, status, milliseconds),
    }
    logging.getLogger(__name__).info("request", extra={"fields": fields})
    return response


def _operation() -> str | None:
    # All pages of the desk count as one operation, because AWS bills metrics per operation.
    if request.blueprint == "desk":
        return "desk"
    return request.endpoint and request.endpoint.rpartition(".")[2]


def _stack(error: BaseException) -> list[str]:
    # Log the types of the exceptions and not their messages, which can contain a caller's words.
    lines: list[str] = []
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        lines += [type(current).__qualname__, *format_tb(current.__traceback__)]
        seen.append(current)
        current = current.__cause__ or current.__context__
    return lines


def _is_not_access_line(record: logging.LogRecord) -> bool:
    # Werkzeug's own access lines contain the path and the query: see `WSGIRequestHandler.log`.
    return " - - [" not in str(record.msg)

"""JSON log lines: one for each request, each retry and each unexpected exception.

Log lines contain no personal data: no body, no path, no query, and no message of an exception.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import ip_address, ip_network
from traceback import format_tb

import msgspec
from flask import Flask, Response, g, has_request_context, request
from flask.logging import default_handler

from .. import config
from ..storage.retry import retries, throttles
from . import metrics

# How many bits of the address of a client are logged. The rest can identify a person.
NETWORK_BITS = {4: 24, 6: 48}

_logger = logging.getLogger(__name__)


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
    use_handler("itsm_app")
    logging.getLogger("werkzeug").addFilter(_is_not_access_line)
    if not config.in_lambda():
        use_handler("waitress")
        logging.getLogger("waitress").addFilter(_remove_path)
        # Under load, Waitress would log the length of its queue at every request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app.before_request(start_clock)
    app.after_request(_log_request)


def use_handler(name: str) -> None:
    """Let the logger with this name write JSON lines."""
    logger = logging.getLogger(name)
    logger.addHandler(handler())
    logger.setLevel(logging.INFO)
    # The root logger would write each line a second time.
    logger.propagate = False


@cache
def handler() -> logging.Handler:
    """Return the log handler of this process."""
    writer: logging.Handler = default_handler
    if config.in_lambda():
        # A Lambda has one request at a time, and can be frozen as soon as it has responded.
        writer.setFormatter(JsonFormatter())
        return writer
    # Imported here, so that a cold start does not load it.
    from .log_queue import LineQueue

    writer.setFormatter(logging.Formatter("%(message)s"))
    queue = LineQueue(writer)
    queue.setFormatter(JsonFormatter())
    return queue


def start_clock() -> None:
    """Start to measure a request."""
    g.started = time.perf_counter()
    retries.set(0)
    throttles.set(0)


def _log_request(response: Response) -> Response:
    log_request(response.status_code)
    return response


def log_request(http_status: int) -> None:
    """Log the current request.

    Args:
        http_status: The status of the response.
    """
    # A tool call is logged under the name of its operation. If the call fails, the HTTP status is
    # 200, and `g.status` is the status of the error.
    operation = g.get("tool") or _operation()
    status = g.get("status", http_status)
    milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
    fields = {
        "operation": operation,
        "route": g.get("route") or (request.url_rule and request.url_rule.rule),
        "status": status,
        "milliseconds": milliseconds,
        "retries": retries.get(),
        "key": g.key.name if "key" in g else None,
        "network": network(),
        **metrics.embedded_metrics(operation, status, milliseconds),
    }
    _logger.info("request", extra={"fields": fields})


def network() -> str | None:
    """Return the network of the client of this request. None if its address is unknown.

    In a Lambda, `deploy/lambda_handler.py` sets the address, and a client cannot forge it.
    """
    return _network_of(request.remote_addr or "")


# The computation takes 17 µs, 1 % of a call.
@lru_cache(maxsize=1000)
def _network_of(address: str) -> str | None:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network(f"{ip}/{NETWORK_BITS[ip.version]}", strict=False))


def _operation() -> str | None:
    # Set if a route has several operations.
    if "operation" in g:
        return str(g.operation)
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


def _remove_path(record: logging.LogRecord) -> bool:
    # "Client disconnected while serving /tickets/1655-4297-1282", for example.
    text, serving, path = str(record.msg).partition(" while serving ")
    record.msg = text + serving + ("a request" if path else "")
    return True


def _is_not_access_line(record: logging.LogRecord) -> bool:
    # Werkzeug's own access lines contain the path and the query: see `WSGIRequestHandler.log`.
    return " - - [" not in str(record.msg)

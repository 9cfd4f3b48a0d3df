"""JSON log lines: one a request, one a retry, one an unforeseen exception.

None holds what a caller said or who they are: no body, no path, no query, no exception's message.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from functools import cache
from traceback import format_tb

import msgspec
from flask import Flask, Response, g, has_request_context, request
from flask.logging import default_handler

from .. import config
from ..storage.retry import retries, throttles
from . import metrics


class JsonFormatter(logging.Formatter):
    """One line of JSON a record; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
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
    """Log as JSON, each request once, and nothing through the root logger a second time."""
    _use_handler("itsm_app")
    logging.getLogger("werkzeug").addFilter(_is_no_access_line)
    if not config.in_lambda():
        _use_handler("waitress")
        logging.getLogger("waitress").addFilter(_remove_path)
        # Under load, Waitress would log the length of its queue at every request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app.before_request(_start_clock)
    app.after_request(_log_request)


def _use_handler(name: str) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(handler())
    logger.setLevel(logging.INFO)
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


def exit_at_sigterm() -> None:
    """Make SIGTERM end this server in an orderly way: by `SystemExit`, as Werkzeug does.

    Waitress finishes the requests that it has begun, and Python writes the log lines that wait.
    Without a handler, SIGTERM kills a process at once, or has no effect if it is the first process
    of a container. A server that has its own handler keeps that handler.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and not config.in_lambda() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _start_clock() -> None:
    g.started = time.perf_counter()
    retries.set(0)
    throttles.set(0)


def _log_request(response: Response) -> Response:
    # A tool call is logged as the operation that it is, and fails within an answer of 200.
    operation = g.get("tool") or _operation()
    status = g.get("status", response.status_code)
    milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
    fields = {
        "operation": operation,
        "route": request.url_rule and request.url_rule.rule,
        "status": status,
        "milliseconds": milliseconds,
        "retries": retries.get(),
        **metrics.embedded(operation, status, milliseconds),
    }
    logging.getLogger(__name__).info("request", extra={"fields": fields})
    return response


def _operation() -> str | None:
    # The pages of the desk are one: the metrics of each operation are billed.
    if request.blueprint == "desk":
        return "desk"
    return request.endpoint and request.endpoint.rpartition(".")[2]


def _stack(error: BaseException) -> list[str]:
    # The exceptions' types without their messages, which may quote what a caller said.
    lines: list[str] = []
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        lines += [type(link).__qualname__, *format_tb(link.__traceback__)]
        seen.append(link)
        link = link.__cause__ or link.__context__
    return lines


def _remove_path(record: logging.LogRecord) -> bool:
    # "Client disconnected while serving /tickets/1655-4297-1282", for example.
    text, serving, path = str(record.msg).partition(" while serving ")
    record.msg = text + serving + ("a request" if path else "")
    return True


def _is_no_access_line(record: logging.LogRecord) -> bool:
    # Werkzeug's own lines on requests hold the path and the query; see WSGIRequestHandler.log.
    return " - - [" not in str(record.msg)

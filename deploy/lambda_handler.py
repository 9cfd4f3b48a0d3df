"""The Lambda's entry: API Gateway's events in, its answers out.

Zappa's own handler is not used: from cold it costs 70 ms of CPU more (boto3, asyncio), its access
log holds the query, and so the caller, and it runs code that an event brings (`raw_command`).
"""

from __future__ import annotations

import gc

# What is made while loading stays; looking through it for garbage is a tenth of a cold start.
gc.disable()

# The first host name to be looked up needs this codec; in INIT it is loaded for every copy at once.
import encodings.idna  # noqa: F401
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from apig_wsgi import make_lambda_handler
from flask.logging import default_handler

from itsm_app.wsgi import app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

gc.enable()
gc.freeze()

UNREADABLE = (
    "This function answers requests that come through its API Gateway (Lambda proxy integration,"
    " payload 1.0). Call its URL."
)

# Where CloudWatch looks for metrics: "Embedded metric format" in its guide.
default_handler.setStream(sys.stdout)
# What no line of ours holds: "Optimization" in Python's logging HOWTO.
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

_logger = logging.getLogger("itsm_app")


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer one event of a REST API: "Lambda proxy integrations" in the API Gateway guide.

    The app answers every error of its own, so what is raised here is an event of another kind.
    """
    try:
        return _answer(_with_each_header_once(event), context)
    except Exception as error:
        request_id = context.aws_request_id
        fields = {"request_id": request_id}
        _logger.exception("unreadable_event", exc_info=error, extra={"fields": fields})
        body = {"error": UNREADABLE, "code": "bad_request", "retryable": False}
        headers = {"Content-Type": ["application/json"]}
        sent = json.dumps({**body, "request_id": request_id})
        return {"statusCode": 400, "multiValueHeaders": headers, "body": sent}


def _with_each_header_once(event: dict[str, Any]) -> dict[str, Any]:
    # apig-wsgi takes `X_Caller_Id` for `X-Caller-Id`, and `x-caller-id` for another than that, of
    # which the last counts. Then a client's own could stand for the one that the platform sets.
    field = "multiValueHeaders" if "multiValueHeaders" in event else "headers"
    headers: dict[str, Any] = {}
    for name, value in (event.get(field) or {}).items():
        name = name.upper()
        if name in headers:
            joined = [*headers[name], *value] if type(value) is list else f"{headers[name]},{value}"
            headers[name] = joined
        elif "_" not in name:
            headers[name] = value
    return {**event, field: headers}


def _app_on_stage(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # On API Gateway's own host name links carry the stage; a custom domain has none. The path in
    # the event never has it.
    if ".execute-api." in environ.get("HTTP_HOST", ""):
        environ["SCRIPT_NAME"] = f"/{environ['apig_wsgi.request_context']['stage']}"
    # "All of the APIs created with Amazon API Gateway expose HTTPS endpoints only": its FAQs.
    environ["wsgi.url_scheme"] = "https"
    return app(environ, start_response)


_answer = make_lambda_handler(_app_on_stage)

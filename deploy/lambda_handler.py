"""The entry point of the Lambda function. It turns events of API Gateway into responses.

One more event comes every minute from a schedule: see `MEASURE_HANDOVER_WAIT`. Flows of Amazon
Connect send events too: see `itsm_app.connect`.

This project does not use Zappa's own handler. Zappa's handler takes 70 ms more CPU at a cold start,
because it imports boto3 and asyncio, and a third more CPU for a warm request. It also logs the
query string, which contains the caller, and executes code from events (`raw_command`).
"""

from __future__ import annotations

import gc

# Nothing that is created while the app loads becomes garbage. Without garbage collection, a cold
# start takes 6 to 9 % less CPU (lowest time: 222 instead of 236 ms; median: 262 instead of 289 ms).
gc.disable()

# botocore needs this codec to look up the first host name. Loading it in the INIT phase saves
# 0.8 ms, 11 % of the CPU of the first two requests.
import encodings.idna  # noqa: F401
import json
import logging
import sys
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from apig_wsgi import make_lambda_handler
from flask.logging import default_handler

# Zappa's handler imports the app at the first request. Here, the INIT phase imports the app and
# creates the DynamoDB client, and 3 % of the CPU of a cold start is left for the first requests.
from itsm_app import config
from itsm_app.wsgi import app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from itsm_app.connect.door import Door

if config.CONNECT_INSTANCES:
    # A caller waits for a cold start, so the INIT phase loads the module, and a malformed setting
    # stops the start.
    from itsm_app.connect import contact, door  # noqa: F401

    contact.instances()

gc.enable()
# The garbage collector ignores the loaded objects from here on. A full collection after the first
# request takes 0.06 ms instead of 38 ms.
gc.freeze()

UNREADABLE_EVENT = (
    "This function accepts only requests that come through its API Gateway (Lambda proxy"
    " integration, payload format version 1.0). Call the URL of the API."
)

# The whole event of `HandoverSchedule` in `monitoring.json`. A client cannot send it: whatever
# the client sends is part of an event of API Gateway, which has many more members.
MEASURE_HANDOVER_WAIT = {"task": "measure_handover_wait"}

# Flask logs to stderr. CloudWatch reads metrics from stdout ("Embedded metric format" in its
# guide).
default_handler.setStream(sys.stdout)

# Members of every event of API Gateway. A client cannot remove them, and everything that the client
# sends is inside of other members, so no HTTP request looks like an event of Amazon Connect.
API_GATEWAY_MEMBERS = {"requestContext", "httpMethod"}

_logger = logging.getLogger("itsm_app")


def lambda_handler(event: Any, context: Any) -> dict[str, Any] | None:
    """Return the response to an event of a REST API or of a flow, or measure the hand-overs.

    The response to an event of Amazon Connect is a flat map of strings, also for an error. The
    formats of a REST API are described in "Lambda proxy integrations" in the API Gateway guide. The
    app handles its own errors, so an exception means that the event has another format.

    Raises:
        NotMeasured: The wait of hand-overs could not be measured.
    """
    if event == MEASURE_HANDOVER_WAIT:
        # Imported here, so that a cold start does not load it.
        from itsm_app.api import handover_wait

        handover_wait.log_longest_wait(context.aws_request_id)
        return None
    if _is_contact_event(event):
        return _door().respond(event, context.aws_request_id)
    try:
        return _handle(_merge_headers(event), context)
    except Exception as error:
        request_id = context.aws_request_id
        fields = {"request_id": request_id}
        _logger.exception("unreadable_event", exc_info=error, extra={"fields": fields})
        body = {"error": UNREADABLE_EVENT, "code": "bad_request", "retryable": False}
        return {
            "statusCode": 400,
            "multiValueHeaders": {"Content-Type": ["application/json"]},
            "body": json.dumps({**body, "request_id": request_id}),
        }


def _is_contact_event(event: Any) -> bool:
    is_object = isinstance(event, dict) and not API_GATEWAY_MEMBERS & event.keys()
    return is_object and event.get("Name") == "ContactFlowEvent"


@cache
def _door() -> Door:
    # Without `CONNECT_INSTANCES`, a cold start does not load the module.
    from itsm_app.connect.door import Door

    return Door(app)


def _merge_headers(event: dict[str, Any]) -> dict[str, Any]:
    # apig-wsgi treats `X_Caller_Id` like `X-Caller-Id`. Of two names that differ only in case, it
    # uses the last one. A client could therefore replace the header that the platform sets.
    field = "multiValueHeaders" if "multiValueHeaders" in event else "headers"
    headers: dict[str, Any] = {}
    for name, value in (event.get(field) or {}).items():
        name = name.upper()
        value = [*map(_wsgi_text, value)] if type(value) is list else _wsgi_text(value)
        if name in headers:
            joined = [*headers[name], *value] if type(value) is list else f"{headers[name]},{value}"
            headers[name] = joined
        elif "_" not in name:
            headers[name] = value
    return {**event, field: headers}


def _wsgi_text(text: str) -> str:
    # In WSGI, each character stands for one byte (PEP 3333). A lone surrogate has no bytes and
    # raises an error.
    return text if text.isascii() else text.encode().decode("latin-1")


def _app_on_stage(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    event, path = environ["apig_wsgi.full_event"], environ["PATH_INFO"]
    base_path = _base_path(event, path)
    environ["PATH_INFO"] = path[len(base_path) :] or "/"
    # A URL that starts with two slashes would lead to another host.
    environ["SCRIPT_NAME"] = f"/{base_path.lstrip('/')}" if base_path else ""
    # On API Gateway's own host name, URLs start with the stage. The path in the event does not.
    if ".execute-api." in environ.get("HTTP_HOST", ""):
        environ["SCRIPT_NAME"] = f"/{event['requestContext']['stage']}"
    # "All of the APIs created with Amazon API Gateway expose HTTPS endpoints only": its FAQs.
    environ["wsgi.url_scheme"] = "https"
    # A client can forge X-Forwarded-For, from which apig-wsgi takes the address.
    environ["REMOTE_ADDR"] = event["requestContext"]["identity"]["sourceIp"]
    return app(environ, start_response)


def _base_path(event: dict[str, Any], path: str) -> str:
    """Return the part of a path that precedes the path parameter `proxy`.

    On a custom domain, the path in the event starts with the base path of the API mapping, which is
    not part of the parameter. Without a base path, the result is empty.
    """
    if event.get("resource") == "/":
        return path.rstrip("/")
    proxy = (event.get("pathParameters") or {}).get("proxy")
    if proxy is None or path == f"/{proxy}":
        return ""
    # The path is decoded. AWS does not document whether the parameter is. A path cannot end with
    # both forms if they differ.
    for form in (unquote_to_bytes(proxy), proxy.encode()):
        # API Gateway removes a slash at the end from the parameter, and not from the path.
        end = "/" + form.decode("latin-1").strip("/")
        if path.rstrip("/").endswith(end):
            return path.rstrip("/").removesuffix(end).rstrip("/")
    return ""


_handle = make_lambda_handler(_app_on_stage)

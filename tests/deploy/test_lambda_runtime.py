"""Tests of the Lambda package under AWS's Lambda runtime, with events of API Gateway."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import psutil
import pytest
from flask.testing import FlaskClient

from deploy.package import write_zip
from itsm_app.api.parsing import MAX_BODY_BYTES
from itsm_app.config import TABLE_NAME
from itsm_app.storage.models import Ticket

from ..api.test_bound_tries import TRIES, Got, check
from ..conftest import ON_MOTO
from ..openapi.test_viewer import TYPES as DOCS
from ..support import mcp_messages, two_callers
from ..support.api_gateway import API_HOST, API_KEYS, CUSTOM_HOST, STAGE, ApiResponse, event
from ..support.bound_tries import Attempt
from ..support.desk import ANNA, ANNA_ENTRY, SECRET
from ..support.faulty_dynamodb import (
    FaultyDynamoDB,
    cut_short,
    delete_all_items,
    hang,
    refuse,
    reset,
)
from ..support.lambda_runtime import MEMORY_MB, LambdaRuntime, lambda_runtime
from ..tickets.test_tickets import TEXTS

if TYPE_CHECKING:
    from ..support.faulty_dynamodb import Fault

pytestmark = [pytest.mark.runtime, ON_MOTO, pytest.mark.usefixtures("engine")]

NEW = json.dumps({"caller_id": "caller-x", "issue_description": "My printer is on fire 🔥"})
MAX_EVENT_BYTES = 6 * 1024 * 1024
VALID_EVENT = event("GET", "/tickets/x")
# The event of the schedule in deploy/monitoring.json.
MEASURE = {"task": "measure_handover_wait"}
# Events of other AWS services, and REST API events with missing fields or wrong types.
INVALID_EVENTS: list[Any] = [
    {},
    None,
    [],
    [VALID_EVENT],
    "word-x",
    5,
    {"raw_command": "print('word-x')"},
    {"task": "word-x"},
    {**MEASURE, "detail": "word-x"},
    {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "word-x"}]},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {"word-x": 1}},
    {name: value for name, value in VALID_EVENT.items() if name != "httpMethod"},
    {name: value for name, value in VALID_EVENT.items() if name != "path"},
    {**VALID_EVENT, "httpMethod": None},
    {**VALID_EVENT, "httpMethod": ["word-x"]},
    {**VALID_EVENT, "path": None},
    {**VALID_EVENT, "path": {"word-x": 1}},
    {**VALID_EVENT, "pathParameters": ["word-x"]},
    {**VALID_EVENT, "pathParameters": {"proxy": ["word-x"]}},
    {**VALID_EVENT, "multiValueHeaders": ["word-x"]},
    {**VALID_EVENT, "multiValueHeaders": {"word-x": None}},
    {**VALID_EVENT, "multiValueHeaders": {"word-x": [5]}},
    {**VALID_EVENT, "multiValueQueryStringParameters": 5},
    {**VALID_EVENT, "requestContext": None},
    {**VALID_EVENT, "requestContext": ["word-x"]},
    {**VALID_EVENT, "requestContext": {}},
    {**VALID_EVENT, "body": {"word-x": 1}},
    {**VALID_EVENT, "body": "a", "isBase64Encoded": True},
    {**VALID_EVENT, "version": "word-x"},
    {**VALID_EVENT, "version": ["word-x"]},
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "package.zip"
    write_zip(path)
    return path


@pytest.fixture(scope="module")
def sandbox(package: Path, engine: str) -> Iterator[LambdaRuntime]:
    keys = {"API_KEYS": f"{API_KEYS},{ANNA_ENTRY}", "SECRET_KEY": SECRET}
    with lambda_runtime(package, **dynamodb_settings(engine), **keys) as runtime:
        # The emulator starts the function at the first event.
        assert runtime.request("GET", "/tickets/x").status == 404
        yield runtime


@pytest.fixture(scope="module")
def two_callers_tickets(engine: str) -> None:
    two_callers.store()


def dynamodb_settings(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_DYNAMODB": url, "TABLE_NAME": TABLE_NAME}


def package_of(folder: Path, source: str) -> Path:
    """Write a package whose handler consists of one statement. `event` is its input."""
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambda_handler.py", f"def lambda_handler(event, _):\n    {source}\n")
    return path


def create_ticket(sandbox: LambdaRuntime, caller: str, text: str = "b") -> str:
    body = json.dumps({"caller_id": caller, "issue_description": text})
    response = sandbox.request("POST", "/tickets", body=body)
    assert response.status == 201
    return str(response.json["ticket_id"])


def test_four_operations_work(sandbox: LambdaRuntime, caller: str) -> None:
    ticket = create_ticket(sandbox, caller)
    path = f"/tickets/{ticket}"
    added = sandbox.request("POST", f"{path}/comments", body='{"comment": "It is out now"}')
    assert (added.status, added.json["success"]) == (200, True)
    found = sandbox.request("GET", path)
    assert (found.status, found.header("Content-Type")) == (200, "application/json")
    assert found.json["comments"][0]["comment_text"] == "It is out now"
    listed = sandbox.request("GET", "/tickets", query=[("caller", caller)])
    assert (listed.status, listed.json) == (200, {"tickets": [found.json]})


@pytest.mark.parametrize("revision", mcp_messages.REVISIONS)
def test_mcp_tool_creates_a_ticket_for_the_bound_caller(
    sandbox: LambdaRuntime, caller: str, revision: str
) -> None:
    sandbox.read_log()
    params = {"name": "create_ticket", "arguments": {"issue_description": "Ω 😀"}}
    request_headers = {
        **mcp_messages.CLIENT,
        **mcp_messages.headers(revision, "tools/call", "create_ticket"),
        "X-Caller-Id": quote(caller),
        "Origin": f"https://{API_HOST}",
    }
    headers = [(name, value) for name, value in request_headers.items() if value is not None]
    body = json.dumps(mcp_messages.request(revision, "tools/call", params))
    response = sandbox.request("POST", "/mcp", headers=headers, body=body)
    assert response.status == 200
    (block,) = response.json["result"]["content"]
    ticket = json.loads(block["text"])["ticket_id"]
    assert sandbox.request("GET", f"/tickets/{ticket}").json["caller_id"] == caller
    line = json.loads(sandbox.read_log().splitlines()[0])
    assert (line["operation"], line["route"]) == ("create_ticket", "/mcp")


def test_mcp_lists_tools_and_accepts_notifications(sandbox: LambdaRuntime) -> None:
    body = json.dumps(mcp_messages.request("2025-11-25", "tools/list"))
    response = sandbox.request("POST", "/mcp", headers=[*mcp_messages.CLIENT.items()], body=body)
    assert len(response.json["result"]["tools"]) == 4
    notification = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    response = sandbox.request(
        "POST", "/mcp", headers=[*mcp_messages.CLIENT.items()], body=notification
    )
    assert (response.status, response.text) == (202, "")


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_returns_text_unchanged(
    sandbox: LambdaRuntime, caller: str, text: str, binary: bool
) -> None:
    # Caller ids are normalised, so this one is in the normal form.
    fields = {"caller_id": f"Ω שלום {caller}", "issue_description": text}
    body = json.dumps(fields, ensure_ascii=False)
    created = sandbox.request("POST", "/tickets", body=body.encode() if binary else body)
    found = sandbox.request("GET", f"/tickets/{created.json['ticket_id']}").json
    assert {name: found[name] for name in fields} == fields
    listed = sandbox.request("GET", "/tickets", query=[("caller", fields["caller_id"])])
    assert found in listed.json["tickets"]


def test_responses_contain_unescaped_unicode(sandbox: LambdaRuntime, caller: str) -> None:
    ticket = create_ticket(sandbox, caller, "Ω שלום 😀")
    assert "Ω שלום 😀" in sandbox.request("GET", f"/tickets/{ticket}").text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00\x80", b"\xed\xa0\xbd"])
def test_rejects_binary_bodies_that_are_not_text(sandbox: LambdaRuntime, body: bytes) -> None:
    response = sandbox.request("POST", "/tickets", body=body)
    assert (response.status, response.json["code"]) == (400, "invalid_body")


def test_rejects_duplicate_query_parameters(sandbox: LambdaRuntime) -> None:
    response = sandbox.request("GET", "/tickets", query=[("caller", "a"), ("caller", "b")])
    assert response.status == 400
    assert response.json["error"] == "`caller` was sent twice. Send the field once."


def without_multi_value_headers(request: dict[str, Any]) -> dict[str, Any]:
    """Return the event without multi-value headers, as the API Gateway console can send it."""
    return {name: value for name, value in request.items() if name != "multiValueHeaders"}


@pytest.mark.parametrize("shape", [dict, without_multi_value_headers])
@pytest.mark.parametrize("name", ["X_Caller_Id", "X-Caller_Id", "x_caller-id", "HTTP_X_CALLER_ID"])
def test_ignores_caller_id_headers_with_underscores(
    sandbox: LambdaRuntime, caller: str, name: str, shape: Callable[[Any], Any]
) -> None:
    """The WSGI environ does not distinguish underscores from dashes in header names."""
    ticket = create_ticket(sandbox, caller)
    as_other = ("X-Caller-Id", quote(f"{caller}9"))
    for headers in ([as_other, (name, quote(caller))], [(name, quote(caller)), as_other]):
        request = event("GET", f"/tickets/{ticket}", headers=headers)
        assert ApiResponse(sandbox.invoke(shape(request))).status == 404
    request = event("GET", f"/tickets/{ticket}", headers=[(name, "")])
    assert ApiResponse(sandbox.invoke(shape(request))).status == 200


@pytest.mark.parametrize("shape", [dict, without_multi_value_headers])
@pytest.mark.parametrize("name", ["x-caller-id", "X-CALLER-ID", "X-Caller-\u0131d"])
def test_rejects_duplicate_caller_id_headers_that_differ_in_case(
    sandbox: LambdaRuntime, caller: str, name: str, shape: Callable[[Any], Any]
) -> None:
    ticket = create_ticket(sandbox, caller)
    for pair in [("X-Caller-Id", name), (name, "X-Caller-Id")]:
        headers = [(pair[0], quote(f"{caller}9")), (pair[1], quote(caller))]
        request = event("GET", f"/tickets/{ticket}", headers=headers)
        response = ApiResponse(sandbox.invoke(shape(request)))
        assert (response.status, response.json["code"]) == (400, "invalid_field")
        assert response.json["error"].startswith("`X-Caller-Id` must be")


@pytest.mark.parametrize("shape", [dict, without_multi_value_headers])
@pytest.mark.parametrize(
    ("name", "status"),
    [("X_Caller_Verified", 201), ("HTTP_X_CALLER_VERIFIED", 201), ("x-caller-verified", 400)],
)
def test_second_header_does_not_change_how_the_caller_was_verified(
    sandbox: LambdaRuntime, caller: str, name: str, status: int, shape: Callable[[Any], Any]
) -> None:
    as_caller = ("X-Caller-Id", quote(caller))
    body = json.dumps({"issue_description": "My printer is on fire"})
    for pair in ([("X-Caller-Verified", "none"), (name, "pin")], [(name, "pin")]):
        for headers in ([as_caller, *pair], [*reversed(pair), as_caller]):
            request = event("POST", "/tickets", headers=headers, body=body)
            response = ApiResponse(sandbox.invoke(shape(request)))
            assert response.status == (status if len(pair) == 2 else 201)
            if response.status == 201 and name != "x-caller-verified":
                stored = Ticket.get(response.json["ticket_id"]).caller_verified
                assert stored == ("none" if len(pair) == 2 else None)


@pytest.mark.parametrize(
    "attempt", [attempt for attempt in TRIES if attempt.event], ids=lambda attempt: attempt.label
)
def test_bound_request_cannot_reach_tickets_of_another_caller(
    sandbox: LambdaRuntime, two_callers_tickets: None, attempt: Attempt
) -> None:
    path, _, query = attempt.target.partition("?")
    response = sandbox.request(
        attempt.method,
        path,
        query=parse_qsl(query, keep_blank_values=True),
        headers=attempt.headers,
        body=attempt.body.decode(),
    )
    check(attempt, Got(response.status, str(response.headers), response.text))


def test_decodes_queries_once(sandbox: LambdaRuntime) -> None:
    ticket = create_ticket(sandbox, "100%25+a&b=c")
    listed = sandbox.request("GET", "/tickets", query=[("caller", "100%25+a&b=c")])
    assert listed.json["tickets"][0]["ticket_id"] == ticket


def test_decodes_paths_once(sandbox: LambdaRuntime) -> None:
    for path, code in [("/tickets/%CE%A9", "ticket_not_found"), ("/a%2525b", "no_such_operation")]:
        response = sandbox.request("GET", path)
        assert (response.status, response.json["code"]) == (404, code)


# The host name of a request, the base path of the custom domain, and the path of the app in URLs.
MOUNTS = [
    (API_HOST, "", f"/{STAGE}"),
    (CUSTOM_HOST, "", ""),
    (CUSTOM_HOST, "/it", "/it"),
    (CUSTOM_HOST, "/it/desk/v1.2", "/it/desk/v1.2"),
    # The base path is the name of a route.
    (CUSTOM_HOST, "/tickets", "/tickets"),
    (CUSTOM_HOST, "/desk", "/desk"),
]


@pytest.mark.parametrize(("host", "base_path", "mount"), MOUNTS)
def test_links_contain_the_stage_or_the_base_path(
    sandbox: LambdaRuntime, host: str, base_path: str, mount: str
) -> None:
    at: dict[str, Any] = {"host": host, "base_path": base_path}
    response = sandbox.request("POST", "/tickets", body=NEW, **at)
    link = response.header("Location")
    assert link == f"{mount}/tickets/{response.json['ticket_id']}"
    assert sandbox.request("GET", link.removeprefix(mount), **at).status == 200


@pytest.mark.parametrize(("host", "base_path", "mount"), MOUNTS)
def test_openapi_document_has_the_requested_url(
    sandbox: LambdaRuntime, host: str, base_path: str, mount: str
) -> None:
    at: dict[str, Any] = {"host": host, "base_path": base_path}
    response = sandbox.request("GET", "/openapi.json", query=[("version", "3.1.0")], **at)
    assert (response.status, response.json["openapi"]) == (200, "3.1.0")
    assert response.json["servers"] == [{"url": f"https://{host}{mount}"}]
    # A client cannot change the scheme with the header of API Gateway.
    request = event("GET", "/openapi.json", headers=[("X-Forwarded-Proto", "http")], **at)
    assert ApiResponse(sandbox.invoke(request)).json["servers"] == response.json["servers"]


@pytest.mark.parametrize(("host", "base_path", "mount"), MOUNTS)
def test_desk_works_below_the_stage_or_the_base_path(
    sandbox: LambdaRuntime, host: str, base_path: str, mount: str
) -> None:
    headers = [("Sec-Fetch-Site", "same-origin")]
    at: dict[str, Any] = {"host": host, "base_path": base_path}
    redirect = sandbox.request("GET", "/desk", headers=headers, **at)
    sign_in = redirect.header("Location")
    assert (redirect.status, sign_in.partition("?")[0]) == (303, f"{mount}/desk/sign-in")
    page = sandbox.request("GET", "/desk/sign-in", headers=headers, **at)
    assert f'href="{mount}/desk/static/' in page.text
    form = [*headers, ("Content-Type", "application/x-www-form-urlencoded")]
    signed_in = sandbox.request("POST", "/desk/sign-in", headers=form, body=f"key={ANNA}", **at)
    assert (signed_in.status, signed_in.header("Location")) == (303, f"{mount}/desk")
    cookie = signed_in.header("Set-Cookie")
    assert f"; Path={mount}/desk;" in f"{cookie};"
    session = [*headers, ("Cookie", cookie.partition(";")[0])]
    assert sandbox.request("GET", "/desk", headers=session, **at).status == 200


# The path and the parameter `proxy` of an event of a custom domain (None for the resource `/`), and
# the expected status and code. AWS does not document whether `proxy` is percent-encoded, and what
# happens to slashes, so that every form must work.
PATHS: list[tuple[str, str | None, int, str]] = [
    ("/", None, 404, "no_such_operation"),
    ("/it", None, 404, "no_such_operation"),
    ("/it/", None, 404, "no_such_operation"),
    # The base path is the name of a route.
    ("/tickets", None, 404, "no_such_operation"),
    ("/tickets", "tickets", 400, "invalid_field"),
    ("/tickets/tickets", "tickets", 400, "invalid_field"),
    ("/tickets/tickets", "tickets/tickets", 404, "ticket_not_found"),
    ("/tickets/tickets/tickets", "tickets/tickets", 404, "ticket_not_found"),
    # Percent-encoded paths.
    ("/it/tickets/%CE%A9", "tickets/%CE%A9", 404, "ticket_not_found"),
    ("/it/tickets/%CE%A9", "tickets/Ω", 404, "ticket_not_found"),
    ("/it/tickets/a%2Fb", "tickets/a%2Fb", 404, "no_such_operation"),
    ("/it/tickets/a%2Fb", "tickets/a/b", 404, "no_such_operation"),
    ("/it/tickets/a%252Fb", "tickets/a%252Fb", 404, "ticket_not_found"),
    ("/it/tickets/a%252Fb", "tickets/a%2Fb", 404, "ticket_not_found"),
    ("/it/%74ickets/x", "%74ickets/x", 404, "ticket_not_found"),
    ("/it/%74ickets/x", "tickets/x", 404, "ticket_not_found"),
    # Slashes at the end.
    ("/it/tickets/", "tickets", 400, "invalid_field"),
    ("/it/tickets/", "tickets/", 400, "invalid_field"),
    ("/it/tickets/x/", "tickets/x", 404, "no_such_operation"),
    # Double slashes. Werkzeug ignores those at the start.
    ("//tickets/x", "/tickets/x", 404, "ticket_not_found"),
    ("//tickets/x", "tickets/x", 404, "ticket_not_found"),
    ("/it//tickets/x", "/tickets/x", 404, "ticket_not_found"),
    ("/it//tickets/x", "tickets/x", 404, "ticket_not_found"),
    ("/it/tickets//x", "tickets//x", 404, "no_such_operation"),
    # An event that does not come from this API: the app uses the path as it is.
    ("/tickets/x", "other", 404, "ticket_not_found"),
]


def event_of_custom_domain(path: str, proxy: str | None) -> dict[str, Any]:
    return {
        **event("GET", "/", host=CUSTOM_HOST),
        "path": path,
        "resource": "/{proxy+}" if proxy else "/",
        "pathParameters": {"proxy": proxy} if proxy else None,
    }


@pytest.mark.parametrize(("path", "proxy", "status", "code"), PATHS)
def test_base_path_is_what_precedes_the_path_parameter(
    sandbox: LambdaRuntime, path: str, proxy: str | None, status: int, code: str
) -> None:
    response = ApiResponse(sandbox.invoke(event_of_custom_domain(path, proxy)))
    assert (response.status, response.json["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/%69t/openapi.json", "/it"),
        # A mapping without a stage: the path contains the stage.
        (f"/{STAGE}/openapi.json", f"/{STAGE}"),
        (f"/it/{STAGE}/openapi.json", f"/it/{STAGE}"),
        # A link must not lead to another host.
        ("//evil.example/openapi.json", "/evil.example"),
        ("//openapi.json", ""),
        ("/it//openapi.json", "/it"),
    ],
)
def test_urls_start_with_the_base_path(sandbox: LambdaRuntime, path: str, mount: str) -> None:
    response = ApiResponse(sandbox.invoke(event_of_custom_domain(path, "openapi.json")))
    assert response.json["servers"] == [{"url": f"https://{CUSTOM_HOST}{mount}"}]


@pytest.mark.parametrize("field", ["resource", "pathParameters"])
def test_serves_events_without_the_fields_of_the_base_path(
    sandbox: LambdaRuntime, field: str
) -> None:
    """The API Gateway console and hand-written events can leave them out."""
    request = event("GET", "/tickets/x", host=CUSTOM_HOST)
    del request[field]
    assert ApiResponse(sandbox.invoke(request)).json["code"] == "ticket_not_found"


@pytest.mark.parametrize(("path", "content_type"), DOCS.items())
def test_serves_the_docs_page_and_its_files_unchanged(
    sandbox: LambdaRuntime, client: FlaskClient, path: str, content_type: str
) -> None:
    response = sandbox.request("GET", path)
    assert (response.status, response.header("Content-Type")) == (200, content_type)
    assert response.header("Content-Security-Policy").startswith("default-src 'none';")
    assert response.text.encode() == client.get(path).data
    # API Gateway compresses the responses.
    accepting = sandbox.request("GET", path, headers=[("Accept-Encoding", "gzip")])
    assert accepting.text == response.text
    unchanged = sandbox.request("GET", path, headers=[("If-None-Match", response.header("ETag"))])
    assert (unchanged.status, unchanged.text) == (304, "")


@pytest.mark.parametrize("name", ["x-api-key", "Cookie", "X-Caller-Id", "Host", "User-Agent"])
@pytest.mark.parametrize("shape", [dict, without_multi_value_headers])
def test_rejects_half_of_a_surrogate_pair_in_a_header(
    sandbox: LambdaRuntime, name: str, shape: Callable[[Any], Any]
) -> None:
    for path in ("/tickets/x", "/desk"):
        request = shape(event("GET", path, headers=[(name, "a\ud800")]))
        response = ApiResponse(sandbox.invoke(request))
        assert (response.status, response.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("name", ["x-api-key", "Cookie", "X-Caller-Id", "User-Agent"])
@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_headers_with_other_characters_get_no_5xx(
    sandbox: LambdaRuntime, name: str, text: str
) -> None:
    for path in ("/tickets/x", "/desk"):
        response = sandbox.request("GET", path, headers=[(name, f"a={text}")])
        assert response.status < 500


def test_logs_the_network_of_the_source_and_not_of_a_forged_header(sandbox: LambdaRuntime) -> None:
    sandbox.read_log()
    forged = [("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1")]
    for address, network in [("203.0.113.7", "203.0.113.0/24"), ("2001:db8::7", "2001:db8::/48")]:
        request = event("GET", "/tickets/x", headers=forged)
        request["requestContext"]["identity"]["sourceIp"] = address
        assert ApiResponse(sandbox.invoke(request)).status == 404
        (line,) = sandbox.read_log().splitlines()
        assert json.loads(line)["network"] == network
        assert json.loads(line)["key"] == "voice"
        assert address not in line
        assert "198.51.100.1" not in line


def test_request_id_is_the_id_of_api_gateway(sandbox: LambdaRuntime) -> None:
    request = event("GET", "/tickets/x")
    response = ApiResponse(sandbox.invoke(request))
    request_id = request["requestContext"]["requestId"]
    assert response.json["request_id"] == response.header("X-Request-Id") == request_id


def test_accepts_the_request_id_of_the_client(sandbox: LambdaRuntime) -> None:
    response = sandbox.request("GET", "/tickets/x", headers=[("x-request-id", "client-1")])
    assert response.header("X-Request-Id") == "client-1"


@pytest.mark.parametrize("values", [["client-1", "client-2"], ["Ω"], ["a\nb"]])
def test_ignores_invalid_request_ids_of_the_client(
    sandbox: LambdaRuntime, values: list[str]
) -> None:
    request = event("GET", "/tickets/x", headers=[("X-Request-Id", value) for value in values])
    response = ApiResponse(sandbox.invoke(request))
    assert response.header("X-Request-Id") == request["requestContext"]["requestId"]


def test_hanging_dynamodb_returns_500_before_the_timeout_of_amazon_connect(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB
) -> None:
    sandbox.read_log()
    faults.faults.extend([hang] * 3)
    start = time.monotonic()
    response = sandbox.request("GET", "/tickets/x")
    assert time.monotonic() - start < 7
    assert (response.status, response.json["code"]) == (500, "storage_unavailable")
    messages = [json.loads(line)["message"] for line in sandbox.read_log().splitlines()]
    assert messages == ["retry", "retry", "storage_unavailable", "request"]
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, MAX_EVENT_BYTES // 2])
@pytest.mark.parametrize("kind", [str, bytes])
def test_rejects_oversized_bodies(sandbox: LambdaRuntime, length: int, kind: type) -> None:
    body = "x" * length
    response = sandbox.request("POST", "/tickets", body=body.encode() if kind is bytes else body)
    assert (response.status, response.json["code"]) == (413, "body_too_large")


def test_handles_the_next_event_after_an_event_over_the_lambda_limit(
    sandbox: LambdaRuntime,
) -> None:
    """The emulator truncates the event. API Gateway and Lambda reject such an event."""
    sandbox.read_log()
    error = sandbox.invoke(event("POST", "/tickets", body="x" * 2 * MAX_EVENT_BYTES))
    assert error["errorType"] == "Runtime.UnmarshalError"
    assert "xx" not in sandbox.read_log()
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize(
    "invalid_event", INVALID_EVENTS, ids=lambda invalid_event: json.dumps(invalid_event)[:40]
)
def test_returns_400_for_invalid_events_and_handles_the_next_event(
    sandbox: LambdaRuntime, invalid_event: Any
) -> None:
    sandbox.read_log()
    response = ApiResponse(sandbox.invoke(invalid_event))
    assert (response.status, response.json["code"]) == (400, "bad_request")
    assert response.json["retryable"] is False
    output = sandbox.read_log()
    assert "word-x" not in output
    (line,) = [json.loads(line) for line in output.splitlines()]
    assert line["message"] == "unreadable_event"
    assert line["request_id"] == response.json["request_id"]
    assert sandbox.request("GET", "/tickets/x").status == 404


def test_scheduled_event_logs_the_longest_wait(sandbox: LambdaRuntime, caller: str) -> None:
    # Hand-overs of other tests have waited longer.
    delete_all_items()
    body = json.dumps({"caller_id": caller, "issue_description": "word-x", "handover": {}})
    assert sandbox.request("POST", "/tickets", body=body).status == 201
    sandbox.read_log()
    assert sandbox.invoke(MEASURE) is None
    (line,) = [json.loads(line) for line in sandbox.read_log().splitlines()]
    assert line["message"] == "handover_wait"
    assert 0 < line["HandoverWait"] < 600
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]


def test_scheduled_event_fails_if_dynamodb_fails_and_leaks_nothing(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB
) -> None:
    sandbox.read_log()
    faults.faults.append(refuse("AccessDeniedException"))
    error = sandbox.invoke(MEASURE)
    assert error["errorType"] == "NotMeasured"
    line, *rest = sandbox.read_log().splitlines()
    assert json.loads(line)["cause"] == "AccessDeniedException"
    text = json.dumps(error) + "\n".join(rest)
    assert "AccessDenied" not in text
    assert "arn:" not in text
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize(
    "fault", [refuse("ThrottlingException"), refuse("AccessDeniedException"), reset, cut_short]
)
def test_log_lines_are_json_without_personal_data(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB, fault: Fault
) -> None:
    sandbox.read_log()
    secrets = ["caller-x", "printer", "header-x", "word-x", "203.0.113.7", "curl"]
    headers = [("X-Custom", "header-x"), ("Authorization", "Bearer header-x")]
    ticket = sandbox.request("POST", "/tickets", body=NEW, headers=headers).json["ticket_id"]
    faults.faults.append(fault)
    path = f"/tickets/{ticket}/comments"
    sandbox.request("POST", path, body='{"comment": "word-x"}', headers=headers)
    sandbox.request("GET", "/tickets", query=[("caller", "caller-x")], headers=headers)
    sandbox.request("GET", "/word-x", query=[("word-x", "caller-x")], headers=headers)
    sandbox.request("POST", "/tickets", body='{"caller_id": "caller-x"', headers=headers)
    output = sandbox.read_log()
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line.get("message") for line in lines].count("request") == 5
    assert not [secret for secret in secrets if secret in output]


def test_two_sandboxes_create_different_ids(package: Path, engine: str) -> None:
    ids: set[str] = set()
    for _ in range(2):
        with lambda_runtime(package, **dynamodb_settings(engine)) as runtime:
            for _ in range(3):
                request = event("POST", "/tickets", body=NEW)
                # Without the request id of API Gateway, the app creates one.
                del request["requestContext"]["requestId"]
                response = ApiResponse(runtime.invoke(request))
                ids |= {response.json["ticket_id"], response.header("X-Request-Id")}
    assert len(ids) == 2 * 3 * 2


def test_all_listeners_are_on_loopback(sandbox: LambdaRuntime) -> None:
    listeners = [
        connection.laddr.ip
        for process in sandbox.processes()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listeners == ["127.0.0.1"] * 2


def test_function_needs_less_than_half_of_its_memory(sandbox: LambdaRuntime, caller: str) -> None:
    for _ in range(10):
        create_ticket(sandbox, caller, "x" * 1000)
    assert len(sandbox.request("GET", "/tickets", query=[("caller", caller)]).json["tickets"]) == 10
    assert 10 < sandbox.peak_memory() < MEMORY_MB // 2


def test_sandbox_enforces_the_memory_limit(tmp_path: Path) -> None:
    package = package_of(tmp_path, "return len(bytearray(event * 1024 * 1024))")
    with lambda_runtime(package) as runtime:
        assert runtime.invoke(MEMORY_MB // 2) == MEMORY_MB // 2 * 1024 * 1024
        assert runtime.invoke(MEMORY_MB)["errorType"] == "MemoryError"


def test_sandbox_hides_installed_packages(tmp_path: Path) -> None:
    find = "return [each for each in event if __import__('importlib.util').util.find_spec(each)]"
    installed = [name for name in packages_distributions() if not name.startswith("__")]
    assert {"flask", "pytest"} <= {*installed}
    importable = ["awslambdaric", "lambda_handler"]
    with lambda_runtime(package_of(tmp_path, find)) as runtime:
        assert runtime.invoke([*installed, *importable]) == importable

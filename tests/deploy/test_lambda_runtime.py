"""The packaged zip under AWS's own Lambda runtime: API Gateway's events in, answers out."""

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

from ..api.test_bound_tries import TRIES, Got, check
from ..conftest import ON_MOTO
from ..openapi.test_viewer import TYPES as DOCS
from ..support import mcp_messages, two_callers
from ..support.api_gateway import API_HOST, CUSTOM_HOST, STAGE, Answer, event
from ..support.bound_tries import Attempt
from ..support.faulty_dynamodb import FaultyDynamoDB, cut_short, hang, refuse, reset
from ..support.lambda_runtime import MEMORY_MB, LambdaRuntime, lambda_runtime
from ..tickets.test_tickets import TEXTS

if TYPE_CHECKING:
    from ..support.faulty_dynamodb import Fault

pytestmark = [pytest.mark.runtime, ON_MOTO, pytest.mark.usefixtures("engine")]

NEW = json.dumps({"caller_id": "caller-x", "issue_description": "My printer is on fire 🔥"})
MAX_EVENT_BYTES = 6 * 1024 * 1024
GOOD = event("GET", "/tickets/x")
# What is not an event of a REST API, or of one with its types mixed up.
BROKEN: list[Any] = [
    {},
    None,
    [],
    [GOOD],
    "word-x",
    5,
    {"raw_command": "print('word-x')"},
    {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "word-x"}]},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {"word-x": 1}},
    {name: value for name, value in GOOD.items() if name != "httpMethod"},
    {name: value for name, value in GOOD.items() if name != "path"},
    {**GOOD, "httpMethod": None},
    {**GOOD, "httpMethod": ["word-x"]},
    {**GOOD, "path": None},
    {**GOOD, "path": {"word-x": 1}},
    {**GOOD, "multiValueHeaders": ["word-x"]},
    {**GOOD, "multiValueHeaders": {"word-x": None}},
    {**GOOD, "multiValueHeaders": {"word-x": [5]}},
    {**GOOD, "multiValueQueryStringParameters": 5},
    {**GOOD, "requestContext": None},
    {**GOOD, "requestContext": ["word-x"]},
    {**GOOD, "requestContext": {}},
    {**GOOD, "body": {"word-x": 1}},
    {**GOOD, "body": "a", "isBase64Encoded": True},
    {**GOOD, "version": "word-x"},
    {**GOOD, "version": ["word-x"]},
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "package.zip"
    write_zip(path)
    return path


@pytest.fixture(scope="module")
def sandbox(package: Path, engine: str) -> Iterator[LambdaRuntime]:
    with lambda_runtime(package, **dynamodb_at(engine)) as runtime:
        # The emulator starts the function with the first event.
        assert runtime.request("GET", "/tickets/x").status == 404
        yield runtime


@pytest.fixture(scope="module")
def two_callers_tickets(engine: str) -> None:
    two_callers.store()


def dynamodb_at(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_DYNAMODB": url, "TABLE_NAME": TABLE_NAME}


def function(folder: Path, source: str) -> Path:
    """Write the package of a handler that is only this, with `event` as its input."""
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambda_handler.py", f"def lambda_handler(event, _):\n    {source}\n")
    return path


def create(sandbox: LambdaRuntime, caller: str, text: str = "b") -> str:
    body = json.dumps({"caller_id": caller, "issue_description": text})
    answer = sandbox.request("POST", "/tickets", body=body)
    assert answer.status == 201
    return str(answer.json["ticket_id"])


def test_the_four_operations(sandbox: LambdaRuntime, caller: str) -> None:
    ticket = create(sandbox, caller)
    path = f"/tickets/{ticket}"
    added = sandbox.request("POST", f"{path}/comments", body='{"comment": "It is out now"}')
    assert (added.status, added.json["success"]) == (200, True)
    found = sandbox.request("GET", path)
    assert (found.status, found.header("Content-Type")) == (200, "application/json")
    assert found.json["comments"][0]["comment_text"] == "It is out now"
    listed = sandbox.request("GET", "/tickets", query=[("caller", caller)])
    assert (listed.status, listed.json) == (200, {"tickets": [found.json]})


@pytest.mark.parametrize("revision", mcp_messages.REVISIONS)
def test_a_tool_of_a_language_model(sandbox: LambdaRuntime, caller: str, revision: str) -> None:
    sandbox.read_log()
    params = {"name": "create_ticket", "arguments": {"issue_description": "Ω 😀"}}
    sent = {
        **mcp_messages.CLIENT,
        **mcp_messages.headers(revision, "tools/call", "create_ticket"),
        "X-Caller-Id": quote(caller),
        "Origin": f"https://{API_HOST}",
    }
    headers = [(name, value) for name, value in sent.items() if value is not None]
    body = json.dumps(mcp_messages.request(revision, "tools/call", params))
    answer = sandbox.request("POST", "/mcp", headers=headers, body=body)
    assert answer.status == 200
    (block,) = answer.json["result"]["content"]
    ticket = json.loads(block["text"])["ticket_id"]
    assert sandbox.request("GET", f"/tickets/{ticket}").json["caller_id"] == caller
    line = json.loads(sandbox.read_log().splitlines()[0])
    assert (line["operation"], line["route"]) == ("create_ticket", "/mcp")


def test_the_tools_are_described_from_within_the_package(sandbox: LambdaRuntime) -> None:
    body = json.dumps(mcp_messages.request("2025-11-25", "tools/list"))
    answer = sandbox.request("POST", "/mcp", headers=[*mcp_messages.CLIENT.items()], body=body)
    assert len(answer.json["result"]["tools"]) == 4
    taken = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    answer = sandbox.request("POST", "/mcp", headers=[*mcp_messages.CLIENT.items()], body=taken)
    assert (answer.status, answer.text) == (202, "")


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_byte_for_byte(sandbox: LambdaRuntime, text: str, binary: bool) -> None:
    fields = {"caller_id": text[:100], "issue_description": text}
    body = json.dumps(fields, ensure_ascii=False)
    made = sandbox.request("POST", "/tickets", body=body.encode() if binary else body)
    found = sandbox.request("GET", f"/tickets/{made.json['ticket_id']}").json
    assert {name: found[name] for name in fields} == fields
    listed = sandbox.request("GET", "/tickets", query=[("caller", text[:100])])
    assert found in listed.json["tickets"]


def test_answers_are_not_escaped(sandbox: LambdaRuntime, caller: str) -> None:
    ticket = create(sandbox, caller, "Ω שלום 😀")
    assert "Ω שלום 😀" in sandbox.request("GET", f"/tickets/{ticket}").text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00\x80", b"\xed\xa0\xbd"])
def test_a_binary_body_that_is_no_text_is_refused(sandbox: LambdaRuntime, body: bytes) -> None:
    answer = sandbox.request("POST", "/tickets", body=body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_body")


def test_a_query_parameter_that_is_there_twice_is_refused(sandbox: LambdaRuntime) -> None:
    answer = sandbox.request("GET", "/tickets", query=[("caller", "a"), ("caller", "b")])
    assert answer.status == 400
    assert answer.json["error"] == "`caller` is there twice. Send it once."


def only_single_values(request: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a test in API Gateway's console may send it."""
    return {name: value for name, value in request.items() if name != "multiValueHeaders"}


@pytest.mark.parametrize("shape", [dict, only_single_values])
@pytest.mark.parametrize("name", ["X_Caller_Id", "X-Caller_Id", "x_caller-id", "HTTP_X_CALLER_ID"])
def test_no_header_passes_for_another_by_underscores(
    sandbox: LambdaRuntime, caller: str, name: str, shape: Callable[[Any], Any]
) -> None:
    """In the WSGI environ an underscore would be taken for a dash."""
    ticket = create(sandbox, caller)
    as_other = ("X-Caller-Id", quote(f"{caller}9"))
    for headers in ([as_other, (name, quote(caller))], [(name, quote(caller)), as_other]):
        request = event("GET", f"/tickets/{ticket}", headers=headers)
        assert Answer(sandbox.invoke(shape(request))).status == 404
    request = event("GET", f"/tickets/{ticket}", headers=[(name, "")])
    assert Answer(sandbox.invoke(shape(request))).status == 200


@pytest.mark.parametrize("shape", [dict, only_single_values])
@pytest.mark.parametrize("name", ["x-caller-id", "X-CALLER-ID", "X-Caller-\u0131d"])
def test_a_header_that_is_there_in_two_cases_is_there_twice(
    sandbox: LambdaRuntime, caller: str, name: str, shape: Callable[[Any], Any]
) -> None:
    ticket = create(sandbox, caller)
    for pair in [("X-Caller-Id", name), (name, "X-Caller-Id")]:
        headers = [(pair[0], quote(f"{caller}9")), (pair[1], quote(caller))]
        request = event("GET", f"/tickets/{ticket}", headers=headers)
        answer = Answer(sandbox.invoke(shape(request)))
        assert (answer.status, answer.json["code"]) == (400, "invalid_field")
        assert answer.json["error"].startswith("`X-Caller-Id` must be")


@pytest.mark.parametrize(
    "attempt", [each for each in TRIES if each.event], ids=lambda attempt: attempt.label
)
def test_what_is_bound_to_one_caller_is_refused_anothers(
    sandbox: LambdaRuntime, two_callers_tickets: None, attempt: Attempt
) -> None:
    path, _, query = attempt.target.partition("?")
    answer = sandbox.request(
        attempt.method,
        path,
        query=parse_qsl(query, keep_blank_values=True),
        headers=attempt.headers,
        body=attempt.body.decode(),
    )
    check(attempt, Got(answer.status, str(answer.headers), answer.text))


def test_a_query_is_not_decoded_twice(sandbox: LambdaRuntime) -> None:
    ticket = create(sandbox, "100%25+a&b=c")
    listed = sandbox.request("GET", "/tickets", query=[("caller", "100%25+a&b=c")])
    assert listed.json["tickets"][0]["ticket_id"] == ticket


def test_a_path_is_decoded_once(sandbox: LambdaRuntime) -> None:
    for path, code in [("/tickets/%CE%A9", "ticket_not_found"), ("/a%2525b", "no_such_operation")]:
        answer = sandbox.request("GET", path)
        assert (answer.status, answer.json["code"]) == (404, code)


@pytest.mark.parametrize(("host", "stage"), [(API_HOST, f"/{STAGE}"), (CUSTOM_HOST, "")])
def test_links_have_the_stage_on_the_host_name_of_the_api_only(
    sandbox: LambdaRuntime, host: str, stage: str
) -> None:
    answer = sandbox.request("POST", "/tickets", body=NEW, host=host)
    assert answer.header("Location") == f"{stage}/tickets/{answer.json['ticket_id']}"


@pytest.mark.parametrize(("host", "stage"), [(API_HOST, f"/{STAGE}"), (CUSTOM_HOST, "")])
def test_the_document_names_the_url_that_it_was_asked_at(
    sandbox: LambdaRuntime, host: str, stage: str
) -> None:
    answer = sandbox.request("GET", "/openapi.json", query=[("version", "3.1.0")], host=host)
    assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")
    assert answer.json["servers"] == [{"url": f"https://{host}{stage}"}]
    # Nobody but API Gateway says how it is reached.
    sent = event("GET", "/openapi.json", host=host, headers=[("X-Forwarded-Proto", "http")])
    assert Answer(sandbox.invoke(sent)).json["servers"] == answer.json["servers"]


@pytest.mark.parametrize(("path", "content_type"), DOCS.items())
def test_the_page_comes_out_of_the_package_byte_for_byte(
    sandbox: LambdaRuntime, client: FlaskClient, path: str, content_type: str
) -> None:
    answer = sandbox.request("GET", path)
    assert (answer.status, answer.header("Content-Type")) == (200, content_type)
    assert answer.header("Content-Security-Policy").startswith("default-src 'none';")
    assert answer.text.encode() == client.get(path).data
    unchanged = sandbox.request("GET", path, headers=[("If-None-Match", answer.header("ETag"))])
    assert (unchanged.status, unchanged.text) == (304, "")


def test_the_request_id_is_that_of_api_gateway(sandbox: LambdaRuntime) -> None:
    sent = event("GET", "/tickets/x")
    answer = Answer(sandbox.invoke(sent))
    request_id = sent["requestContext"]["requestId"]
    assert answer.json["request_id"] == answer.header("X-Request-Id") == request_id


def test_a_request_id_of_the_client_is_taken(sandbox: LambdaRuntime) -> None:
    answer = sandbox.request("GET", "/tickets/x", headers=[("x-request-id", "client-1")])
    assert answer.header("X-Request-Id") == "client-1"


@pytest.mark.parametrize("sent", [["client-1", "client-2"], ["Ω"], ["a\nb"]])
def test_a_request_id_that_is_not_one_sane_value_is_not(
    sandbox: LambdaRuntime, sent: list[str]
) -> None:
    request = event("GET", "/tickets/x", headers=[("X-Request-Id", each) for each in sent])
    answer = Answer(sandbox.invoke(request))
    assert answer.header("X-Request-Id") == request["requestContext"]["requestId"]


def test_a_dynamodb_that_hangs_is_a_clean_500_before_connect_hangs_up(
    sandbox: LambdaRuntime, faults: FaultyDynamoDB
) -> None:
    sandbox.read_log()
    faults.faults.extend([hang] * 3)
    start = time.monotonic()
    answer = sandbox.request("GET", "/tickets/x")
    assert time.monotonic() - start < 7
    assert (answer.status, answer.json["code"]) == (500, "storage_unavailable")
    messages = [json.loads(line)["message"] for line in sandbox.read_log().splitlines()]
    assert messages == ["retry", "retry", "storage_unavailable", "request"]
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, MAX_EVENT_BYTES // 2])
@pytest.mark.parametrize("kind", [str, bytes])
def test_an_oversized_body_is_refused(sandbox: LambdaRuntime, length: int, kind: type) -> None:
    body = "x" * length
    answer = sandbox.request("POST", "/tickets", body=body.encode() if kind is bytes else body)
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


def test_an_event_past_the_limit_of_lambda_does_not_harm_the_next(sandbox: LambdaRuntime) -> None:
    """The emulator cuts it off; Lambda, or API Gateway with a 413, would not hand it on."""
    sandbox.read_log()
    error = sandbox.invoke(event("POST", "/tickets", body="x" * 2 * MAX_EVENT_BYTES))
    assert error["errorType"] == "Runtime.UnmarshalError"
    assert "xx" not in sandbox.read_log()
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: json.dumps(broken)[:40])
def test_a_broken_event_is_a_clean_400_and_the_next_is_answered(
    sandbox: LambdaRuntime, broken: Any
) -> None:
    sandbox.read_log()
    answer = Answer(sandbox.invoke(broken))
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert answer.json["retryable"] is False
    said = sandbox.read_log()
    assert "word-x" not in said
    (line,) = [json.loads(line) for line in said.splitlines()]
    assert line["message"] == "unreadable_event"
    assert line["request_id"] == answer.json["request_id"]
    assert sandbox.request("GET", "/tickets/x").status == 404


@pytest.mark.parametrize(
    "fault", [refuse("ThrottlingException"), refuse("AccessDeniedException"), reset, cut_short]
)
def test_each_line_is_json_and_none_holds_what_a_caller_said_or_who_they_are(
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
    said = sandbox.read_log()
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line.get("message") for line in lines].count("request") == 5
    assert not [secret for secret in secrets if secret in said]


def test_two_sandboxes_of_one_package_differ_in_every_id(package: Path, engine: str) -> None:
    ids: set[str] = set()
    for _ in range(2):
        with lambda_runtime(package, **dynamodb_at(engine)) as runtime:
            for _ in range(3):
                sent = event("POST", "/tickets", body=NEW)
                # Without API Gateway's own, the app makes an id for the request.
                del sent["requestContext"]["requestId"]
                answer = Answer(runtime.invoke(sent))
                ids |= {answer.json["ticket_id"], answer.header("X-Request-Id")}
    assert len(ids) == 2 * 3 * 2


def test_everything_listens_on_loopback_only(sandbox: LambdaRuntime) -> None:
    connections = [each for process in sandbox.processes() for each in process.net_connections()]
    listening = [each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"] * 2


def test_half_of_its_memory_is_enough(sandbox: LambdaRuntime, caller: str) -> None:
    for _ in range(10):
        create(sandbox, caller, "x" * 1000)
    assert len(sandbox.request("GET", "/tickets", query=[("caller", caller)]).json["tickets"]) == 10
    assert 10 < sandbox.peak_memory() < MEMORY_MB // 2


def test_the_limit_on_memory_bites(tmp_path: Path) -> None:
    hungry = function(tmp_path, "return len(bytearray(event * 1024 * 1024))")
    with lambda_runtime(hungry) as runtime:
        assert runtime.invoke(MEMORY_MB // 2) == MEMORY_MB // 2 * 1024 * 1024
        assert runtime.invoke(MEMORY_MB)["errorType"] == "MemoryError"


def test_a_package_can_import_nothing_of_what_is_installed(tmp_path: Path) -> None:
    find = "return [each for each in event if __import__('importlib.util').util.find_spec(each)]"
    installed = [name for name in packages_distributions() if not name.startswith("__")]
    assert {"flask", "pytest"} <= {*installed}
    own = ["awslambdaric", "lambda_handler"]
    with lambda_runtime(function(tmp_path, find)) as runtime:
        assert runtime.invoke([*installed, *own]) == own

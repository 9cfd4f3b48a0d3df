"""Tests of request parsing: malformed, unusual and hostile input."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug import Response
from werkzeug.test import EnvironBuilder

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB

pytestmark = ON_MOTO

ASTRAL = "\U0001f600"
# All white space of Unicode.
WHITE_SPACE = "".join(chr(code) for code in range(0x10000) if chr(code).isspace())
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

# Each text field: the path that takes it, its name, and its maximum length in characters.
FIELDS = [
    ("/tickets", "caller_id", 100),
    ("/tickets", "issue_description", 1000),
    (f"/tickets/{UNKNOWN_ID}/comments", "comment", 1000),
]
NON_TEXTS: list[Any] = [None, 1, 1.5, True, [], ["text"], {}, {"text": 1}]
EMPTY_TEXTS = ["", " ", "\t\r\n", "\u3000", WHITE_SPACE]


def body(field: str, value: Any) -> dict[str, Any]:
    return {"caller_id": "a", "issue_description": "b", "comment": "c", field: value}


@pytest.mark.parametrize("value", [*NON_TEXTS, *EMPTY_TEXTS, "too long"], ids=repr)
@pytest.mark.parametrize(("path", "field", "limit"), FIELDS)
def test_rejects_an_invalid_text_field_and_names_it(
    client: FlaskClient, faults: FaultyDynamoDB, path: str, field: str, limit: int, value: Any
) -> None:
    value = ASTRAL * (limit + 1) if value == "too long" else value
    response = client.post(path, json=body(field, value))
    assert response.status_code == 400
    assert response.json["code"] == "invalid_field"
    assert f"`{field}`" in response.json["error"]
    assert f"1 to {limit} characters" in response.json["error"]
    assert faults.operations == []


@pytest.mark.parametrize("character", ["x", "Ω", ASTRAL])
@pytest.mark.parametrize(("path", "field", "limit"), FIELDS)
def test_length_limits_count_characters(
    client: FlaskClient, path: str, field: str, limit: int, character: str
) -> None:
    at_limit = client.post(path, json=body(field, character * limit))
    assert at_limit.status_code in (201, 404)
    over = client.post(path, json=body(field, character * (limit + 1)))
    assert over.status_code == 400


@pytest.mark.parametrize(("path", "field", "_limit"), FIELDS)
def test_rejects_a_missing_text_field_and_names_it(
    client: FlaskClient, path: str, field: str, _limit: int
) -> None:
    without_field = body(field, None)
    del without_field[field]
    response = client.post(path, json=without_field)
    assert response.status_code == 400
    assert f"`{field}`" in response.json["error"]


def test_create_ticket_missing_caller_id(client: FlaskClient) -> None:
    response = client.post("/tickets", json={"issue_description": "No mail"})
    assert response.status_code == 400
    assert "`caller_id`" in response.json["error"]


def test_create_ticket_missing_issue_description(client: FlaskClient) -> None:
    response = client.post("/tickets", json={"caller_id": "a"})
    assert response.status_code == 400
    assert "`issue_description`" in response.json["error"]


def test_add_comment_missing_comment(client: FlaskClient, ticket: str) -> None:
    response = client.post(f"/tickets/{ticket}/comments", json={})
    assert response.status_code == 400
    assert "`comment`" in response.json["error"]


VALID_FIELDS = b'"caller_id": "a", "issue_description": "b"'


@pytest.mark.parametrize(
    ("value", "description"),
    [
        ("null", "null"),
        ("true", "a boolean"),
        ("0", "a number"),
        ("-1.5e-7", "a number"),
        # Python refuses to parse an int with this many digits, and a float cannot hold the value.
        ("9" * 5000, "a number"),
        ("-" + "9" * 5000, "a number"),
        ("1e400", "a number"),
        ("[]", "a list"),
        ('[{"a": 1, "a": 2}]', "a list"),
        ("[" * 500 + "]" * 500, "a list"),
        ("{}", "an object"),
        ('{"issue_description": "b"}', "an object"),
        ('""', "empty"),
        ('"\\u3000\\n"', "only white space"),
        ('"' + "x" * 1001 + '"', "1001 characters long"),
        ('"' + ASTRAL * 1001 + '"', "1001 characters long"),
        ('"' + "\\ud83d\\ude00" * 1001 + '"', "1001 characters long"),
    ],
    ids=lambda text: text[:20],
)
def test_error_describes_the_invalid_value(
    client: FlaskClient, value: str, description: str
) -> None:
    response = client.post("/tickets", data=f'{{"caller_id": "a", "issue_description": {value}}}')
    assert response.status_code == 400
    assert response.json["error"].startswith("`issue_description` must be a text of 1 to 1000")
    assert f", but it is {description}. Ask the caller" in response.json["error"]


@pytest.mark.parametrize(
    ("sent", "description"),
    [
        ("ten", '"ten"'),
        (quote("\u0663"), '"\u0663"'),
        (quote('"'), '"""'),
        ("x" * 20, f'"{"x" * 20}"'),
        ("x" * 21, "21 characters long"),
        (quote(ASTRAL * 20), f'"{ASTRAL * 20}"'),
        (quote(ASTRAL * 21), "21 characters long"),
        ("9" * 5000, "5000 characters long"),
        ("", "empty"),
        ("%E3%80%80", "only white space"),
    ],
    ids=lambda text: text[:20],
)
def test_error_quotes_a_short_value_and_gives_the_length_of_a_longer_one(
    client: FlaskClient, sent: str, description: str
) -> None:
    response = client.get(f"/tickets?caller=a&limit={sent}")
    assert response.status_code == 400
    requirement = "`limit` must be a whole number from 1 to 100"
    expected = f"{requirement}, but it is {description}. Leave the field out to get 10 tickets."
    assert response.json["error"] == expected


@pytest.mark.parametrize("header", ["", "%20", "%E3%80%80%0A", "%CE%A9" * 101, "x" * 1000])
def test_invalid_caller_gets_the_same_error_in_the_header_and_the_query(
    client: FlaskClient, header: str
) -> None:
    errors = [
        client.get("/tickets/x", headers={"X-Caller-Id": header}).json["error"],
        client.get(f"/tickets/x?caller={header}").json["error"],
    ]
    # Compare the sentences without the field's name and the next step.
    reasons = [error.partition(". ")[0].partition(" ")[2] for error in errors]
    assert reasons[0] == reasons[1]
    assert "must be a text of 1 to 100 characters" in reasons[0]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b" ",
        b"{",
        b"{" + VALID_FIELDS + b"} {}",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b'["caller_id", "issue_description"]',
        b"\xef\xbb\xbf{" + VALID_FIELDS + b"}",
        (b"{" + VALID_FIELDS + b"}").decode().encode("utf-16"),
        b'{"caller_id": "\xff", "issue_description": "b"}',
        b'{"caller_id": "\xed\xa0\x80", "issue_description": "b"}',
        b'{"caller_id": "a\x00", "issue_description": "b"}',
        b'{"other": "\xff", ' + VALID_FIELDS + b"}",
        b"[" * 60_000,
        b'{"other": ' + b"[" * 30_000 + b"]" * 30_000 + b", " + VALID_FIELDS + b"}",
        b'{"other":' * 7_000,
        b"{" + VALID_FIELDS + b", other: 1}",
        b"{" + VALID_FIELDS + b', "other": NaN}',
        b'[["caller_id", "a"], ["issue_description", "b"]]',
        b"caller_id=a&issue_description=b",
    ],
    ids=lambda sent: repr(sent[:50]),
)
def test_create_ticket_invalid_json(
    client: FlaskClient, faults: FaultyDynamoDB, sent: bytes
) -> None:
    response = client.post("/tickets", data=sent)
    assert response.status_code == 400
    assert response.json["code"] == "invalid_body"
    assert faults.operations == []


@pytest.mark.parametrize("duplicate", [b', "caller_\\u0069d": "c"}', b', "caller_id": 5}'])
def test_rejects_a_duplicate_field_and_names_it(client: FlaskClient, duplicate: bytes) -> None:
    response = client.post("/tickets", data=b"{" + VALID_FIELDS + duplicate)
    assert response.status_code == 400
    assert "`caller_id` was sent twice" in response.json["error"]


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00\\ud800", "a\\udfff b"])
def test_rejects_an_unpaired_surrogate_and_names_the_field(client: FlaskClient, text: str) -> None:
    sent = f'{{"caller_id": "a", "issue_description": "{text}"}}'
    response = client.post("/tickets", data=sent)
    assert response.status_code == 400
    assert "`issue_description` is not valid UTF-8" in response.json["error"]


def test_ignores_unknown_fields(client: FlaskClient) -> None:
    sent = b'{"other": {"x": 1, "x": 2}, "other": 1e400, "caller": 5, "big": ' + b"9" * 5000
    assert client.post("/tickets", data=sent + b", " + VALID_FIELDS + b"}").status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "nonsense",
        "",
        None,
    ],
)
def test_ignores_the_content_type(client: FlaskClient, content_type: str | None) -> None:
    sent = client.post("/tickets", data=b"{" + VALID_FIELDS + b"}", content_type=content_type)
    assert sent.status_code == 201


class EndlessStream:
    """A request body without an end. `bytes_read` is how much of it the app has read."""

    bytes_read = 0

    def read(self, size: int) -> bytes:
        self.bytes_read += size
        return b"x" * size


def post_chunked(client: FlaskClient, path: str, stream: BytesIO | EndlessStream) -> Response:
    """Send a chunked body: no Content-Length, and a stream that the server ends."""
    environ = EnvironBuilder(path=path, method="POST").get_environ()
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "REMOTE_ADDR": "127.0.0.1"}
    return Response.from_app(client.application, environ)


def test_accepts_a_chunked_body(client: FlaskClient) -> None:
    sent = BytesIO(b"{" + VALID_FIELDS + b"}")
    assert post_chunked(client, "/tickets", sent).status_code == 201


def padded(size: int) -> bytes:
    start = b"{" + VALID_FIELDS + b', "other": "'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def test_accepts_a_body_of_64_kib(client: FlaskClient) -> None:
    assert client.post("/tickets", data=padded(64 * 1024)).status_code == 201
    assert post_chunked(client, "/tickets", BytesIO(padded(64 * 1024))).status_code == 201


@pytest.mark.parametrize("path", ["/tickets", f"/tickets/{UNKNOWN_ID}/comments"])
def test_rejects_a_larger_body_without_reading_all_of_it(client: FlaskClient, path: str) -> None:
    response = client.post(path, data=padded(64 * 1024 + 1))
    assert response.status_code == 413
    assert response.json["code"] == "body_too_large"
    assert post_chunked(client, path, BytesIO(padded(64 * 1024 + 1))).status_code == 413
    stream = EndlessStream()
    assert post_chunked(client, path, stream).status_code == 413
    assert stream.bytes_read < 1024 * 1024


@pytest.mark.parametrize(
    "query",
    [
        "",
        "caller",
        "caller=",
        "caller=+",
        "caller=%E3%80%80",
        "caller=" + "x" * 101,
        "caller=a&caller=b",
        "caller=a&caller=a",
        "caller=%FF",
        "caller=%C3",
        "caller=%ED%A0%80",
        "caller[]=x",
        "Caller=x",
        "other=x",
    ],
)
def test_list_tickets_missing_caller(
    client: FlaskClient, faults: FaultyDynamoDB, query: str
) -> None:
    response = client.get(f"/tickets?{query}")
    assert response.status_code == 400
    assert "`caller`" in response.json["error"]
    assert faults.operations == []


def test_rejects_a_query_that_is_not_percent_encoded(client: FlaskClient) -> None:
    """Werkzeug's server decodes such bytes differently and could read another caller's id."""
    environ = EnvironBuilder(path="/tickets").get_environ() | {"REMOTE_ADDR": "127.0.0.1"}
    for raw in ("Ω".encode(), b"\xff"):
        environ["QUERY_STRING"] = "caller=" + raw.decode("latin-1")
        response = Response.from_app(client.application, environ)
        assert response.status_code == 400
        assert b"`caller`" in response.data


@pytest.mark.parametrize("caller", ["Ω", ASTRAL * 100, "a b", "a+b", "a&b=c", "%41"])
def test_reads_a_query_as_percent_encoded_utf_8(client: FlaskClient, caller: str) -> None:
    client.post("/tickets", json={"caller_id": caller, "issue_description": "b"})
    found = client.get(f"/tickets?other=%FF&caller={quote(caller, safe='')}").json["tickets"]
    assert {ticket["caller_id"] for ticket in found} == {caller}

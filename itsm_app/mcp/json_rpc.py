"""Messages of JSON-RPC 2.0, as the Model Context Protocol has them.

https://www.jsonrpc.org/specification, and `basic` in MCP's specification: an id is a string or an
integer, and never null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from ..api import parsing
from ..api.error_responses import explain
from ..api.errors import InvalidBody, NotJson
from ..tickets.errors import InvalidField

T = TypeVar("T", bound=Struct)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

# What msgspec raises for what is not JSON, not of the type, or nested too deep.
UNREADABLE = (ValueError, RecursionError)
# What comes before the first character of a JSON text: RFC 8259, section 2.
WHITE_SPACE = b" \t\n\r"


class ProtocolError(Exception):
    """A message cannot be served. `status` is the one of HTTP that says the same."""

    def __init__(self, code: int, message: str, status: int = 400, data: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


def must_be(description: str, next_step: str) -> Meta:
    """Return what a member must be, and what to do about it, as the `schemas` say it."""
    return Meta(description=description, extra={"next_step": next_step})


Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Id = Annotated[
    str | Integer,
    must_be("a string, or an integer of 64 bits", "Leave it out for a notification only."),
]


class Message(Struct):
    """A request has a method and an id, a notification no id, a response no method."""

    jsonrpc: Annotated[Literal["2.0"], must_be('the text "2.0"', "Send JSON-RPC 2.0.")]
    method: Annotated[str, must_be("the name of a method", "Name one.")] | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def is_request(self) -> bool:
        """Whether it wants an answer."""
        return self.method is not UNSET and self.id is not UNSET


def is_batch(body: bytes) -> bool:
    """Whether a body is an array, if it is JSON at all."""
    return body.lstrip(WHITE_SPACE).startswith(b"[")


def split(batch: bytes) -> list[bytes]:
    """Return the elements of an array, unread. Raises `ProtocolError`."""
    try:
        return [bytes(each) for each in msgspec.json.decode(batch, type=list[Raw])]
    except UNREADABLE:
        raise ProtocolError(
            PARSE_ERROR, "The body is not JSON. Correct it and send it again."
        ) from None


def read(message: bytes) -> Message:
    """Read one message. Raises `ProtocolError`."""
    read = load(Message, message, INVALID_REQUEST)
    if read.method is UNSET and read.result is UNSET and read.error is UNSET:
        raise ProtocolError(INVALID_REQUEST, "`method` is missing: name the method to be called.")
    return read


def load(schema: type[T], json: bytes, code: int = INVALID_PARAMS) -> T:
    """Read an object as bodies are read. Raises `ProtocolError`, with `code` if it is JSON."""
    try:
        return parsing.load_body(schema, json)
    except (InvalidBody, InvalidField) as error:
        told, _ = explain(error)
        code = PARSE_ERROR if isinstance(error, NotJson) else code
        raise ProtocolError(code, told.error) from None


def members(json: bytes) -> dict[str, Raw]:
    """Return the members of an object, unread; of anything else, none."""
    try:
        return msgspec.json.decode(json, type=dict[str, Raw])
    except UNREADABLE:
        return {}


def text(json: bytes) -> str | None:
    """Return a text; of anything else, nothing."""
    try:
        return msgspec.json.decode(json, type=str)
    except UNREADABLE:
        return None


def result(request: Message, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the response to a request that was served."""
    return {"jsonrpc": "2.0", "id": request.id, "result": fields}


def refusal(error: ProtocolError, own: Any) -> dict[str, Any]:
    """Return the response to what cannot be served, with its own id, or None if that is unknown."""
    said = {"code": error.code, "message": error.message}
    data = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", "id": own, "error": {**said, **data}}

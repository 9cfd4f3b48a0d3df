"""JSON-RPC 2.0 messages, as the Model Context Protocol uses them.

Sources: https://www.jsonrpc.org/specification, and `basic` in the MCP specification. In MCP, the id
of a request is a string or an integer, and never null. Only an error response can have a null id.
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

# What msgspec raises for text that is not JSON, for a wrong type, and for too deep nesting.
DECODE_ERRORS = (ValueError, RecursionError)
# White space that can precede a JSON value: RFC 8259, section 2.
WHITE_SPACE = b" \t\n\r"


class ProtocolError(Exception):
    """A message is rejected with a JSON-RPC error.

    Attributes:
        code: The JSON-RPC error code.
        message: What is wrong and what to do, for the client.
        status: The HTTP status for this error.
        data: The `data` of the error, if any.
    """

    def __init__(self, code: int, message: str, status: int = 400, data: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


def must_be(description: str, next_step: str) -> Meta:
    """Return the error texts of a field. See `api.field_types` for the arguments."""
    return Meta(description=description, extra={"next_step": next_step})


Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Id = Annotated[
    str | Integer,
    must_be("a string or a 64-bit integer", "Leave the id out only in a notification."),
]


class Message(Struct):
    """A message from a client.

    A request has a method and an id. A notification has a method and no id. A response has a result
    or an error instead of a method.
    """

    jsonrpc: Annotated[Literal["2.0"], must_be('the text "2.0"', "Send a JSON-RPC 2.0 message.")]
    method: (
        Annotated[str, must_be("the name of a method", "Send the name of a method.")] | UnsetType
    ) = UNSET
    id: Id | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def is_request(self) -> bool:
        """Whether the client expects a response."""
        return self.method is not UNSET and self.id is not UNSET


def is_batch(body: bytes) -> bool:
    """Return whether a body is a batch. Does not check that the body is valid JSON."""
    return body.lstrip(WHITE_SPACE).startswith(b"[")


def split_batch(batch: bytes) -> list[bytes]:
    """Return the elements of a JSON array, each as JSON. Raises `ProtocolError`."""
    try:
        return [bytes(each) for each in msgspec.json.decode(batch, type=list[Raw])]
    except DECODE_ERRORS:
        raise ProtocolError(
            PARSE_ERROR, "The body is not valid JSON. Correct the body and send it again."
        ) from None


def read_message(json: bytes) -> Message:
    """Decode a message. Raises `ProtocolError`."""
    message = load(Message, json, INVALID_REQUEST)
    if message.method is UNSET and message.result is UNSET and message.error is UNSET:
        raise ProtocolError(
            INVALID_REQUEST, "`method` is missing. Send the name of the method to call."
        )
    return message


def load(schema: type[T], json: bytes, code: int = INVALID_PARAMS) -> T:
    """Decode a JSON object with the checks of `parsing.load_body`.

    Args:
        schema: The type of the object.
        json: The object.
        code: The error code if the text is JSON but not of this type.

    Raises:
        ProtocolError: The text is not JSON or not of this type.
    """
    try:
        return parsing.load_body(schema, json)
    except (InvalidBody, InvalidField) as error:
        body, _ = explain(error)
        code = PARSE_ERROR if isinstance(error, NotJson) else code
        raise ProtocolError(code, body.error) from None


def decode_members(json: bytes) -> dict[str, Raw]:
    """Return the members of a JSON object, each as JSON.

    The result is empty for anything else, also for text that is not JSON.
    """
    try:
        return msgspec.json.decode(json, type=dict[str, Raw])
    except DECODE_ERRORS:
        return {}


def decode_string(json: bytes) -> str | None:
    """Return the value of a JSON string. None for anything else, also for text that is not JSON."""
    try:
        return msgspec.json.decode(json, type=str)
    except DECODE_ERRORS:
        return None


def result_response(request: Message, result: dict[str, Any]) -> dict[str, Any]:
    """Return the response to a request that succeeded."""
    return {"jsonrpc": "2.0", "id": request.id, "result": result}


def error_response(error: ProtocolError, request_id: Any) -> dict[str, Any]:
    """Return the response to a request that was rejected.

    Args:
        error: The error.
        request_id: The id of the request. None, which becomes null in JSON, if the message is
            rejected before its id is read, or if the id is invalid.
    """
    body = {"code": error.code, "message": error.message}
    data = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", "id": request_id, "error": {**body, **data}}

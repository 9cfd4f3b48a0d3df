"""The revisions of the Model Context Protocol, and the revision of a request.

Up to revision 2025-11-25, a client negotiates the revision with `initialize`. From revision
2026-07-28 on, each request names its revision, in `_meta` and in headers. The two kinds of
revisions are called legacy and modern: "Terminology" in `basic/versioning`.
"""

from __future__ import annotations

from base64 import b64decode

import msgspec
from flask import request
from msgspec import UNSET, Raw, Struct

from .json_rpc import (
    DECODE_ERRORS,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Message,
    ProtocolError,
    decode_members,
    decode_string,
)

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
REVISIONS = (MODERN, *LEGACY)
# The revision to assume for a client that names no revision: "Protocol Version Header" in
# `basic/transports`, 2025-11-25.
DEFAULT = "2025-03-26"
# The only revision with batches.
WITH_BATCHES = "2025-03-26"
# The first revision with titles, output schemas and structured content. Revisions are dates, so the
# code compares them as strings.
STRUCTURED_CONTENT = "2025-06-18"

# "Error Codes" in `basic`, 2026-07-28.
HEADER_MISMATCH = -32020
UNSUPPORTED_PROTOCOL_VERSION = -32022

# The prefix of the names in `_meta` that the protocol itself defines.
META_PREFIX = "io.modelcontextprotocol/"


class RequestMeta(Struct):
    """The `_meta` of a modern request: "Per-request protocol fields" in `basic`."""

    revision: str = msgspec.field(name=f"{META_PREFIX}protocolVersion")
    capabilities: dict[str, Raw] = msgspec.field(name=f"{META_PREFIX}clientCapabilities")


def revision_in_header() -> str | None:
    """Return the revision that the HTTP header names, supported or not."""
    return _header("MCP-Protocol-Version")


def is_modern(message: Message) -> bool:
    """Return whether a request uses the modern form.

    A request uses this form if its header names the modern revision, or if its `_meta` names any
    revision.
    """
    if revision_in_header() == MODERN:
        return True
    return f"{META_PREFIX}protocolVersion" in decode_members(_meta(message))


def revision_of(message: Message) -> str:
    """Return the revision of a request.

    Raises:
        ProtocolError: The revision is not supported, or a modern request is malformed.
    """
    if is_modern(message):
        _check_modern(message)
        return MODERN
    header = revision_in_header()
    # The header of `initialize` does not count: `methods.py` reads the revision from the body.
    if header is None or message.method == "initialize":
        return DEFAULT
    if header not in LEGACY:
        raise _unsupported(header)
    return header


def check_non_request(message: Message) -> None:
    """Check a notification or a response, which the server does not answer.

    Raises:
        ProtocolError: The revision is not supported, or does not allow this message.
    """
    header = revision_in_header()
    if header not in (None, *REVISIONS):
        raise _unsupported(str(header))
    if header == MODERN and message.method is UNSET:
        sentence = f"Clients of revision {MODERN} must not send responses. Send a request instead."
        raise ProtocolError(INVALID_REQUEST, sentence)


def _check_modern(message: Message) -> None:
    try:
        meta = msgspec.json.decode(_meta(message), type=RequestMeta)
    except DECODE_ERRORS:
        sentence = (
            f"`params._meta` is incomplete or malformed. Send {META_PREFIX}protocolVersion as a"
            f" string and {META_PREFIX}clientCapabilities as an object."
        )
        raise ProtocolError(INVALID_PARAMS, sentence) from None
    # "Server Validation" in `basic/transports/streamable-http`.
    revision_field = f"{META_PREFIX}protocolVersion"
    _require_header("MCP-Protocol-Version", revision_in_header(), revision_field, meta.revision)
    _require_header("Mcp-Method", _header("Mcp-Method"), "method", str(message.method))
    tool_name = decode_string(decode_members(message.params).get("name", b""))
    if message.method == "tools/call" and tool_name is not None:
        name_in_header = _decode_header(_header("Mcp-Name"))
        _require_header("Mcp-Name", name_in_header, "params.name", tool_name)
    if meta.revision != MODERN:
        raise _unsupported(meta.revision)


def _meta(message: Message) -> bytes:
    return decode_members(message.params).get("_meta", b"")


def _require_header(header: str, value: str | None, field: str, value_in_body: str) -> None:
    if value != value_in_body:
        sentence = (
            f"The header {header} is missing or differs from `{field}` in the body. Send the value"
            f" of `{field}` in the header."
        )
        raise ProtocolError(HEADER_MISMATCH, sentence)


def _unsupported(revision: str) -> ProtocolError:
    sentence = f"Unsupported protocol version. Use one of {', '.join(REVISIONS)}."
    data = {"supported": REVISIONS, "requested": revision}
    return ProtocolError(UNSUPPORTED_PROTOCOL_VERSION, sentence, data=data)


def _header(name: str) -> str | None:
    value = request.headers.get(name)
    return value and value.strip()


def _decode_header(value: str | None) -> str | None:
    # "Value Encoding" in `basic/transports/streamable-http`.
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return b64decode(value[9:-2], validate=True).decode()
    except ValueError:
        return None

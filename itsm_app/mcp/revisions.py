"""The revisions of the Model Context Protocol, and which of them a request is of.

https://modelcontextprotocol.io/specification/ and the revision. Up to 2025-11-25 a client shakes
hands by `initialize`; since 2026-07-28 each request says all about itself, in `_meta` and again in
headers. The eras are legacy and modern: "Terminology" in `basic/versioning`.
"""

from __future__ import annotations

from base64 import b64decode

import msgspec
from flask import request
from msgspec import UNSET, Raw, Struct

from .json_rpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    UNREADABLE,
    Message,
    ProtocolError,
    members,
    text,
)

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
REVISIONS = (MODERN, *LEGACY)
# What a client speaks that names none: "Protocol Version Header" in `basic/transports`, 2025-11-25.
UNNAMED = "2025-03-26"
# The first with titles, output schemas and structured content; they compare as their dates do.
STRUCTURED = "2025-06-18"

# "Error Codes" in `basic`, 2026-07-28.
HEADER_MISMATCH = -32020
UNSUPPORTED_PROTOCOL_VERSION = -32022

META = "io.modelcontextprotocol/"


class RequestMeta(Struct):
    """What a modern request says about itself: "Per-request protocol fields" in `basic`."""

    revision: str = msgspec.field(name=f"{META}protocolVersion")
    capabilities: dict[str, Raw] = msgspec.field(name=f"{META}clientCapabilities")


def named() -> str | None:
    """Return the revision that the header names, as it stands there."""
    return _header("MCP-Protocol-Version")


def is_modern(message: Message) -> bool:
    """Whether a request is of the modern era, by what it says itself or by its header."""
    return named() == MODERN or f"{META}protocolVersion" in members(_meta(message))


def revision_of(message: Message) -> str:
    """Return the revision that a request is of.

    Raises `ProtocolError` if we don't speak it, or a modern request is not as it must be.
    """
    if is_modern(message):
        _check_modern(message)
        return MODERN
    header = named()
    # The first request of all has its revision in the body only.
    if header is None or message.method == "initialize":
        return UNNAMED
    if header not in LEGACY:
        raise _unsupported(header)
    return header


def check_unanswered(message: Message) -> None:
    """Raise `ProtocolError` for a notification or a response that cannot be taken."""
    header = named()
    if header not in (None, *REVISIONS):
        raise _unsupported(str(header))
    if header == MODERN and message.method is UNSET:
        raise ProtocolError(INVALID_REQUEST, f"A client of {MODERN} sends no responses.")


def _check_modern(message: Message) -> None:
    try:
        meta = msgspec.json.decode(_meta(message), type=RequestMeta)
    except UNREADABLE:
        needed = f"{META}protocolVersion, a text, and {META}clientCapabilities, an object"
        raise ProtocolError(INVALID_PARAMS, f"`params._meta` must hold {needed}.") from None
    # "Server Validation" in `basic/transports/streamable-http`.
    _compare("MCP-Protocol-Version", named(), meta.revision)
    _compare("Mcp-Method", _header("Mcp-Method"), str(message.method))
    name = text(members(message.params).get("name", b""))
    if message.method == "tools/call" and name is not None:
        _compare("Mcp-Name", _decoded(_header("Mcp-Name")), name)
    if meta.revision != MODERN:
        raise _unsupported(meta.revision)


def _meta(message: Message) -> bytes:
    return members(message.params).get("_meta", b"")


def _compare(header: str, sent: str | None, said: str) -> None:
    if sent != said:
        sentence = f"The header {header} must be there, and say the same as the body does."
        raise ProtocolError(HEADER_MISMATCH, sentence)


def _unsupported(revision: str) -> ProtocolError:
    sentence = f"Unsupported protocol version. Speak one of {', '.join(REVISIONS)}."
    data = {"supported": REVISIONS, "requested": revision}
    return ProtocolError(UNSUPPORTED_PROTOCOL_VERSION, sentence, data=data)


def _header(name: str) -> str | None:
    sent = request.headers.get(name)
    return sent and sent.strip()


def _decoded(header: str | None) -> str | None:
    # "Value Encoding" in the same page.
    if header is None or not (header.startswith("=?base64?") and header.endswith("?=")):
        return header
    try:
        return b64decode(header[9:-2], validate=True).decode()
    except ValueError:
        return None

"""The methods of the Model Context Protocol that a server with tools has, in each revision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from flask import request
from msgspec import Raw, Struct

from ..api import caller_binding
from ..openapi.document import document
from . import tools
from .json_rpc import INVALID_PARAMS, METHOD_NOT_FOUND, Message, ProtocolError, load, must_be
from .revisions import LEGACY, META, MODERN, REVISIONS
from .tools_from_openapi import tool_list

# How long a client may keep what only an update changes: "Caching" in `server/utilities`.
TTL_MS = 3_600_000

INSTRUCTIONS = (
    "The tickets of a service desk, for one caller at a time. Before you file a ticket, list the"
    " caller's: it may be there. Read a spoken_number out as it is, digit by digit. On code"
    " misheard_number ask for the 12 digits again, one by one. When a call fails with retryable"
    " true, or nothing comes back, repeat it with the same idempotency_key. Never make a caller up:"
    " they are who the platform says, or who they say themselves. Tell them that something is saved"
    " only when a call has said so."
)

Object = Annotated[dict[str, Raw], must_be("an object", "Send {} if there is nothing to say.")]


class InitializeParams(Struct, rename="camel"):
    """The parameters of `initialize`."""

    protocol_version: Annotated[str, must_be("a revision, as a text", "Send the latest you speak.")]
    capabilities: Object
    client_info: Object


class ListParams(Struct):
    """The parameters of `tools/list`. There is one page, and so no cursor that we know."""

    cursor: Annotated[None, must_be("left out", "The list has one page.")] = None


def serve(message: Message, revision: str) -> dict[str, Any]:
    """Return the result of a request. Raises `ProtocolError`."""
    methods = MODERN_METHODS if revision == MODERN else LEGACY_METHODS
    if message.method not in methods:
        sentence = f"Unknown method. There are {', '.join(methods)}."
        raise ProtocolError(METHOD_NOT_FOUND, sentence, status=404)
    if not bytes(message.params).startswith(b"{"):
        raise ProtocolError(INVALID_PARAMS, "`params` must be an object.")
    fields = methods[message.method](bytes(message.params), revision)
    if revision != MODERN:
        return fields
    # "Result" and "Per-response protocol fields" in `basic`.
    meta = {f"{META}serverInfo": _server_info()}
    return {"resultType": "complete", **fields, "_meta": meta}


def _initialize(params: bytes, _: str) -> dict[str, Any]:
    # "Version Negotiation" in `basic/lifecycle`: the client's, or the latest that has a handshake.
    wanted = load(InitializeParams, params).protocol_version
    revision = wanted if wanted in LEGACY else LEGACY[0]
    return {"protocolVersion": revision, "serverInfo": _server_info(), **_ABILITIES}


def _discover(_: bytes, __: str) -> dict[str, Any]:
    return {"supportedVersions": REVISIONS, **_ABILITIES, **_cacheable("public")}


def _ping(_: bytes, __: str) -> dict[str, Any]:
    return {}


def _list_tools(params: bytes, revision: str) -> dict[str, Any]:
    load(ListParams, params)
    bound = caller_binding.HEADER in request.headers
    tools = {"tools": tool_list(revision, bound)}
    # A bound list is not everybody's.
    scope = "private" if bound else "public"
    return tools | _cacheable(scope) if revision == MODERN else tools


def _cacheable(scope: str) -> dict[str, Any]:
    return {"ttlMs": TTL_MS, "cacheScope": scope}


def _server_info() -> dict[str, str]:
    return {"name": "itsm-tickets", "version": document()["info"]["version"]}


_ABILITIES = {"capabilities": {"tools": {}}, "instructions": INSTRUCTIONS}

Method = Callable[[bytes, str], dict[str, Any]]
COMMON: dict[str, Method] = {"tools/list": _list_tools, "tools/call": tools.call}
LEGACY_METHODS = {"initialize": _initialize, "ping": _ping, **COMMON}
MODERN_METHODS = {"server/discover": _discover, **COMMON}

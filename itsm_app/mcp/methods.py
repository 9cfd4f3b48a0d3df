"""The methods of the Model Context Protocol that a server with tools needs, by revision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from flask import request
from msgspec import Raw, Struct

from ..api import caller_binding
from ..openapi.document import document
from . import tool_calls
from .json_rpc import INVALID_PARAMS, METHOD_NOT_FOUND, Message, ProtocolError, load, must_be
from .revisions import LEGACY, META_PREFIX, MODERN, REVISIONS
from .tools_from_openapi import tool_list

# How long clients can cache the results of `tools/list` and `server/discover`: "Caching" in
# `server/utilities`. Only a new release of this server changes these results.
TTL_MS = 3_600_000

# Written for language models: clients put this text into the model's context.
INSTRUCTIONS = (
    "These tools create, read, comment on and list the tickets of a service desk, for one caller"
    " at a time. Before you create a ticket, list the caller's tickets: the problem may already"
    " have one. Read spoken_number aloud unchanged, digit by digit. If the error code is"
    " misheard_number, ask for all 12 digits again, one by one. If a call fails with retryable true"
    " or returns nothing, repeat the call with the same idempotency_key. Never invent a caller: the"
    " platform or the caller says who is calling. Say that something is saved only after a call has"
    " succeeded."
)

Object = Annotated[dict[str, Raw], must_be("an object", "Send {} if the object has no members.")]


class InitializeParams(Struct, rename="camel"):
    """The parameters of `initialize`."""

    protocol_version: Annotated[
        str,
        must_be("the name of a revision", "Send the latest revision that the client supports."),
    ]
    capabilities: Object
    client_info: Object


class ListParams(Struct):
    """The parameters of `tools/list`. The list has one page, so every cursor is invalid."""

    cursor: Annotated[None, must_be("left out", "The list of tools has only one page.")] = None


def serve(message: Message, revision: str) -> dict[str, Any]:
    """Return the result of a request. Raises `ProtocolError`."""
    methods = MODERN_METHODS if revision == MODERN else LEGACY_METHODS
    if message.method not in methods:
        sentence = f"Unknown method. Use one of {', '.join(methods)}."
        raise ProtocolError(METHOD_NOT_FOUND, sentence, status=404)
    if not bytes(message.params).startswith(b"{"):
        sentence = "`params` must be an object. Send the parameters by name."
        raise ProtocolError(INVALID_PARAMS, sentence)
    result = methods[message.method](bytes(message.params), revision)
    if revision != MODERN:
        return result
    # "Result" and "Per-response protocol fields" in `basic`.
    meta = {f"{META_PREFIX}serverInfo": _server_info()}
    return {"resultType": "complete", **result, "_meta": meta}


def _initialize(params: bytes, _: str) -> dict[str, Any]:
    # "Version Negotiation" in `basic/lifecycle`: the server answers with the requested revision, or
    # with the latest legacy revision if it does not support the requested revision.
    requested = load(InitializeParams, params).protocol_version
    revision = requested if requested in LEGACY else LEGACY[0]
    return {"protocolVersion": revision, "serverInfo": _server_info(), **_CAPABILITIES}


def _discover(_: bytes, __: str) -> dict[str, Any]:
    return {"supportedVersions": REVISIONS, **_CAPABILITIES, **_cache_control("public")}


def _ping(_: bytes, __: str) -> dict[str, Any]:
    return {}


def _list_tools(params: bytes, revision: str) -> dict[str, Any]:
    load(ListParams, params)
    bound = caller_binding.HEADER in request.headers
    result = {"tools": tool_list(revision, bound)}
    # The list depends on whether the request is bound to one caller. Shared caches must not store
    # the list of a bound request.
    scope = "private" if bound else "public"
    return result | _cache_control(scope) if revision == MODERN else result


def _cache_control(scope: str) -> dict[str, Any]:
    return {"ttlMs": TTL_MS, "cacheScope": scope}


def _server_info() -> dict[str, str]:
    return {"name": "itsm-tickets", "version": document()["info"]["version"]}


_CAPABILITIES = {"capabilities": {"tools": {}}, "instructions": INSTRUCTIONS}

Method = Callable[[bytes, str], dict[str, Any]]
COMMON_METHODS: dict[str, Method] = {"tools/list": _list_tools, "tools/call": tool_calls.call}
LEGACY_METHODS = {"initialize": _initialize, "ping": _ping, **COMMON_METHODS}
MODERN_METHODS = {"server/discover": _discover, **COMMON_METHODS}

"""Keys: who may call, and what their role lets them do.

`API_KEYS` holds no key but the SHA-256 of each: of 256 random bits, nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from hmac import compare_digest
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from .. import config
from ..config import InvalidSetting
from .errors import KeyRefused, NoKeys, RoleRefused

ROLES = ("agent", "desk")
ENTRY = re.compile(r"([A-Za-z0-9._-]{1,64}):(agent|desk):([0-9a-f]{64})")
# What needs no key: None stands for paths that are no operation. The desk has sessions:
# `desk/sessions.py`.
OPEN = {"contract", "desk", "health", None}
# The blueprints that the role `agent` has. The role `desk` has all.
AGENTS = {"mcp", "tickets"}


class Key(NamedTuple):
    """Whose key it is, their role, and the key's SHA-256 in hexadecimal digits."""

    name: str
    role: str
    digest: str


LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Who asks where no keys are needed.
LOCAL = Key("local", "desk", "")


def init_app(app: Flask) -> None:
    """Let nobody in without a key. Raises `InvalidSetting` for a malformed `API_KEYS`."""
    app.extensions["keys"] = parse(config.API_KEYS)
    app.before_request(_let_in)


def parse(entries: str) -> list[Key]:
    """Read `name:role:sha256` entries, separated by commas. Raises `InvalidSetting`."""
    keys = []
    for position, entry in enumerate(filter(None, entries.split(",")), start=1):
        found = ENTRY.fullmatch(entry.strip())
        if found is None:
            raise InvalidSetting(
                f"Entry {position} of API_KEYS is malformed: each is name:role:sha256, as `flask"
                " new-key` prints it, with commas between them"
            )
        keys.append(Key(*found.groups()))
    return keys


def make(name: str, role: str) -> tuple[str, str]:
    """Return a new key, which is nowhere else, and its entry for `API_KEYS`."""
    key = f"itsm_{secrets.token_urlsafe(32)}"
    return key, f"{name}:{role}:{_digest(key)}"


def find(sent: str) -> Key:
    """Return the key that was sent. Raises `KeyRefused`."""
    keys: list[Key] = current_app.extensions["keys"]
    digest = _digest(sent)
    # All are compared, so that the time tells nothing.
    found = [key for key in keys if compare_digest(key.digest, digest)]
    if not found:
        raise KeyRefused
    return found[0]


def is_local() -> bool:
    """Whether this machine asks, and nobody through it."""
    # A proxy on this machine may speak for others, a page in its browser too, and another name for
    # it may be that of such a page (DNS rebinding).
    if config.in_lambda() or "X-Forwarded-For" in request.headers:
        return False
    origin = request.headers.get("Origin", request.host_url)
    names = {urlsplit(url).hostname for url in (origin, request.host_url)}
    return names <= LOOPBACK and _is_loopback(request.remote_addr or "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _let_in() -> None:
    if request.blueprint in OPEN:
        return
    g.key = _key_of_request()
    if g.key.role != "desk" and request.blueprint not in AGENTS:
        raise RoleRefused


def _key_of_request() -> Key:
    if current_app.extensions["keys"]:
        return _sent_key()
    if not is_local():
        raise NoKeys
    return LOCAL


def _sent_key() -> Key:
    # A usage plan of API Gateway has keys of its own in `x-api-key`, so a bearer token comes first.
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        with suppress(KeyRefused):
            return find(token.strip())
    return find(request.headers.get("x-api-key", ""))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

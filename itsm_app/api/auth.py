"""API keys: which keys are valid, and which routes their role can use.

`API_KEYS` contains the SHA-256 digest of each key. A slow password hash is not needed, because a
key has 256 random bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from hmac import compare_digest
from ipaddress import ip_address
from typing import NamedTuple

from flask import Flask, current_app, g, request

from .. import config
from ..config import InvalidSetting
from . import hosts
from .errors import KeyRefused, NoKeys, RoleRefused

ROLES = ("agent", "desk")
ENTRY = re.compile(r"([A-Za-z0-9._-]{1,64}):(agent|desk):([0-9a-f]{64})")
# Routes that need no key, by blueprint. None stands for paths that have no route. The desk's pages
# have sessions instead: `desk/sessions.py`.
OPEN_BLUEPRINTS = {"desk", "docs", "health", None}
# What the role `agent` can use. The role `desk` can use everything.
AGENT_BLUEPRINTS = {"mcp", "tickets"}
# Headers that proxies and tunnels add. A request with one of them can come from another machine.
PROXY_HEADER = re.compile(
    r"via|cf-.*|cdn-loop|x-envoy-.*|x-original-.*|.*(forwarded|real-ip|client-?ip).*", re.IGNORECASE
)


class Key(NamedTuple):
    """An entry of `API_KEYS`.

    Attributes:
        name: Who uses the key.
        role: `agent` or `desk`.
        digest: The SHA-256 digest of the key, in hexadecimal digits.
    """

    name: str
    role: str
    digest: str


# The key of a request from this machine if `API_KEYS` is empty.
LOCAL = Key("local", "desk", "")


def init_app(app: Flask) -> None:
    """Check the key of every request. Raises `InvalidSetting` if `API_KEYS` is malformed."""
    app.extensions["keys"] = parse(config.API_KEYS)
    app.before_request(_authenticate)


def parse(entries: str) -> list[Key]:
    """Parse `name:role:sha256` entries, separated by commas.

    Raises:
        InvalidSetting: An entry is malformed. The message gives its position, counted from 1.
    """
    keys = []
    for position, entry in enumerate(filter(None, entries.split(",")), start=1):
        found = ENTRY.fullmatch(entry.strip())
        if found is None:
            raise InvalidSetting(
                f"Entry {position} of API_KEYS is malformed. Use entries of the form"
                " name:role:sha256, as `flask new-key` prints them, separated by commas"
            )
        keys.append(Key(*found.groups()))
    return keys


def make(name: str, role: str) -> tuple[str, str]:
    """Create a key. Return the key, which the app does not store, and its entry for `API_KEYS`."""
    key = f"itsm_{secrets.token_urlsafe(32)}"
    return key, f"{name}:{role}:{_digest(key)}"


def find(sent_key: str) -> Key:
    """Return the entry of the key that a client sent. Raises `KeyRefused` if no entry matches."""
    keys: list[Key] = current_app.extensions["keys"]
    digest = _digest(sent_key)
    # Compare with all entries in constant time, so that the response time reveals nothing.
    found = [key for key in keys if compare_digest(key.digest, digest)]
    if not found:
        raise KeyRefused
    return found[0]


def is_local() -> bool:
    """Return whether `flask run` serves this request, and it comes from a program on this machine.

    Only `flask run` sets `KEYLESS`, because other servers can hide that a proxy forwarded the
    request. The result is False if another machine or a web page could have caused the request.
    """
    # A reverse proxy on this machine can forward the request of another machine. A web page in a
    # browser on this machine sends its Origin. If the host name of the page resolves to this
    # machine (DNS rebinding), the page can send this name as Host and omit Origin.
    if config.in_lambda() or not current_app.config.get("KEYLESS"):
        return False
    if any(map(PROXY_HEADER.fullmatch, request.headers.keys())):
        return False
    # A web page on another port of this machine also has a loopback Origin. Such a page must not
    # write. It may send GET requests, because a link on it can open the desk. The browser does not
    # let it read the responses.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method not in ("GET", "HEAD") and site not in ("none", "same-origin"):
        return False
    urls = (request.host_url, request.headers.get("Origin", request.host_url))
    return all(map(hosts.names_loopback, urls)) and _is_loopback(request.remote_addr or "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _authenticate() -> None:
    if request.blueprint in OPEN_BLUEPRINTS:
        return
    g.key = _key_of_request()
    if g.key.role != "desk" and request.blueprint not in AGENT_BLUEPRINTS:
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

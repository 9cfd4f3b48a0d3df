"""Who works at the desk: signed in with a key, remembered by a signed cookie.

The cookie names the key and holds a digest of its digest, so it ends with the key's entry in
`API_KEYS`, and whoever reads one has no key.
"""

from __future__ import annotations

import hashlib
import secrets
from hmac import compare_digest
from urllib.parse import urlsplit

from flask import current_app, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug import Response as BaseResponse

from .. import config
from ..api import auth, caller_binding
from ..api.auth import Key
from ..api.errors import CrossSite, DeskShut, NoKeys, NoSession, RoleRefused

COOKIE = "desk"
LIFETIME_SECONDS = 12 * 3600
# Of a key for HMAC-SHA1, whose output has 20 bytes, more than enough: RFC 2104, 3.
MIN_SECRET_CHARACTERS = 32
# Where no SECRET_KEY is set: gone with this process, and all its sessions with it.
_random_secret = secrets.token_hex(32)


def are_needed() -> bool:
    """Whether people sign in. Where there are no keys they don't: on this machine alone."""
    return bool(current_app.extensions["keys"])


def check_open() -> None:
    """Raise `NoKeys` or `DeskShut` where nobody could sign in, or sessions could be forged."""
    if not are_needed() and not auth.is_local():
        raise NoKeys
    secret = config.SECRET_KEY
    if len(secret) < MIN_SECRET_CHARACTERS and (secret or config.in_lambda()):
        raise DeskShut


def check_origin() -> None:
    """Raise `CrossSite` for a form that no page of ours has sent, and for what no browser sends.

    By "Fetch Metadata Request Headers" (W3C); browsers without it send `Origin` with every POST.
    """
    # The desk is of all callers, and what is bound to one has no place here.
    if caller_binding.HEADER in request.headers:
        raise CrossSite
    if request.method != "POST":
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    ours = site in ("same-origin", "none") if site else bool(origin) and origin == request.host
    if not ours:
        raise CrossSite


def key() -> Key:
    """Return the key that this request's session is of. Raises `NoSession`."""
    if not are_needed():
        return auth.LOCAL
    try:
        cookie = request.cookies.get(COOKIE, "")
        name, mark = _serializer().loads(cookie, max_age=LIFETIME_SECONDS)
    except BadData:
        raise NoSession from None
    for each in current_app.extensions["keys"]:
        if (each.name, each.role) == (name, "desk") and compare_digest(_mark(each), mark):
            found: Key = each
            return found
    raise NoSession


def begin(response: BaseResponse, sent: str) -> BaseResponse:
    """Let a response begin a session with this key. Raises `KeyRefused` and `RoleRefused`."""
    key = auth.find(sent)
    if key.role != "desk":
        raise RoleRefused
    response.set_cookie(
        COOKIE,
        _serializer().dumps((key.name, _mark(key))),
        max_age=LIFETIME_SECONDS,
        path=_path(),
        secure=not (request.scheme == "http" and _is_loopback()),
        httponly=True,
        samesite="Strict",
    )
    return response


def end(response: BaseResponse) -> BaseResponse:
    """Let a response end the session in this browser."""
    response.delete_cookie(COOKIE, path=_path(), httponly=True, samesite="Strict")
    return response


def _is_loopback() -> bool:
    return urlsplit(request.host_url).hostname in auth.LOOPBACK


def _path() -> str:
    # With the stage in it.
    return url_for("desk.show_queue").rstrip("/")


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(config.SECRET_KEY or _random_secret, salt=COOKIE)


def _mark(key: Key) -> str:
    return hashlib.sha256(key.digest.encode()).hexdigest()

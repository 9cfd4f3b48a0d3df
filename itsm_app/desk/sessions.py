"""Sessions of the desk: sign-in with a key, and a signed cookie.

The cookie contains the name of the key, and a hash of the key's digest in `API_KEYS`. A session
therefore ends when the entry is removed from `API_KEYS`, and nobody can compute the key from the
cookie.
"""

from __future__ import annotations

import hashlib
import logging
import secrets

from flask import current_app, g, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug import Response as BaseResponse

from .. import config
from ..api import auth, caller_binding, hosts, logs
from ..api.auth import Key
from ..api.errors import CrossSite, DeskShut, KeyRefused, NoKeys, NoSession, RoleRefused
from ..tickets.limits import MIN_SECRET_CHARACTERS

COOKIE = "desk"
LIFETIME_SECONDS = 12 * 3600
_logger = logging.getLogger(__name__)
# Used if SECRET_KEY is not set. All sessions end with this process.
_random_secret = secrets.token_hex(32)


def are_required() -> bool:
    """Return whether people must sign in.

    Without API keys, nobody must. The desk then accepts only requests from this machine.
    """
    return bool(current_app.extensions["keys"])


def check_enabled() -> None:
    """Check that people can sign in and that nobody can forge a session.

    Raises:
        NoKeys: There are no API keys, and the request does not come from this machine.
        DeskShut: `SECRET_KEY` is too short, or is not set in a Lambda.
    """
    if not are_required() and not auth.is_local():
        raise NoKeys
    secret = config.SECRET_KEY
    if len(secret) < MIN_SECRET_CHARACTERS and (secret or config.in_lambda()):
        raise DeskShut


def check_origin() -> None:
    """Raise `CrossSite` if a form does not come from a page of the desk.

    Browsers send `Sec-Fetch-Site` ("Fetch Metadata Request Headers", W3C). Older browsers send
    `Origin` with every POST.
    """
    # The desk shows the tickets of all callers, so a request that is bound to a caller must not use
    # it.
    if caller_binding.HEADER in request.headers:
        raise CrossSite
    if request.method != "POST":
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin", "").partition("://")[2]
    is_own = site in ("same-origin", "none") if site else bool(origin) and origin == request.host
    if not is_own:
        raise CrossSite


def key() -> Key:
    """Return the key of this request's session. Raise `NoSession` if there is no valid session."""
    if not are_required():
        return auth.LOCAL
    try:
        cookie = request.cookies.get(COOKIE, "")
        content = serializer(COOKIE).loads(cookie, max_age=LIFETIME_SECONDS)
    except (BadData, ValueError, OverflowError, OSError):
        # itsdangerous converts the signed time to a datetime without a check of its range.
        raise NoSession from None
    candidate: Key
    for candidate in current_app.extensions["keys"]:
        # The content is signed, so nobody can guess it byte by byte from the response time.
        if candidate.role == "desk" and content == _content(candidate):
            return candidate
    raise NoSession


def colleagues() -> list[str]:
    """Return the names of all keys with the role `desk`, sorted."""
    keys: list[Key] = current_app.extensions["keys"]
    return sorted({key.name for key in keys or [auth.LOCAL] if key.role == "desk"})


def start(response: BaseResponse, sent_key: str) -> BaseResponse:
    """Return the response with the cookie of a new session.

    Raises:
        KeyRefused: The key is not valid.
        RoleRefused: The key does not have the role `desk`.
    """
    try:
        key = auth.find(sent_key)
    except KeyRefused:
        _log("sign_in_refused", None)
        raise
    if key.role != "desk":
        _log("sign_in_refused", key)
        raise RoleRefused
    _log("sign_in", key)
    g.key = key
    response.set_cookie(
        COOKIE,
        serializer(COOKIE).dumps(_content(key)),
        max_age=LIFETIME_SECONDS,
        path=_path(),
        secure=not (request.scheme == "http" and hosts.names_loopback(request.host_url)),
        httponly=True,
        samesite="Strict",
    )
    return response


def end(response: BaseResponse) -> BaseResponse:
    """Return the response with the instruction to delete the cookie."""
    _log("sign_out", g.key)
    response.delete_cookie(COOKIE, path=_path(), httponly=True, samesite="Strict")
    return response


def serializer(salt: str) -> URLSafeTimedSerializer:
    """Return what signs and checks texts for one purpose, which `salt` names."""
    return URLSafeTimedSerializer(config.SECRET_KEY or _random_secret, salt=salt)


def _log(message: str, key: Key | None) -> None:
    level = logging.WARNING if message == "sign_in_refused" else logging.INFO
    fields = {"key": key and key.name, "network": logs.network()}
    _logger.log(level, message, extra={"fields": fields})


def _path() -> str:
    # With the stage of API Gateway, if there is one.
    return url_for("desk.show_queue").rstrip("/")


def _content(key: Key) -> list[str]:
    return [key.name, hashlib.sha256(key.digest.encode()).hexdigest()]

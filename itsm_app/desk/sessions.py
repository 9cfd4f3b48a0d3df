"""Sessions of the desk: sign-in with a key, and a signed cookie.

The cookie contains the name of the key, and a hash of the key's digest in `API_KEYS`. A session
therefore ends when the entry is removed from `API_KEYS`, and nobody can compute the key from the
cookie.
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
# itsdangerous signs with HMAC-SHA1. RFC 2104, section 3, requires a key of at least the length of
# the hash, 20 bytes.
MIN_SECRET_CHARACTERS = 32
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
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    is_own = site in ("same-origin", "none") if site else bool(origin) and origin == request.host
    if not is_own:
        raise CrossSite


def key() -> Key:
    """Return the key of this request's session. Raise `NoSession` if there is no valid session."""
    if not are_required():
        return auth.LOCAL
    try:
        cookie = request.cookies.get(COOKIE, "")
        name, fingerprint = _serializer().loads(cookie, max_age=LIFETIME_SECONDS)
    except BadData:
        raise NoSession from None
    candidate: Key
    for candidate in current_app.extensions["keys"]:
        if (candidate.name, candidate.role) == (name, "desk") and compare_digest(
            _fingerprint(candidate), fingerprint
        ):
            return candidate
    raise NoSession


def start(response: BaseResponse, sent_key: str) -> BaseResponse:
    """Return the response with the cookie of a new session.

    Raises:
        KeyRefused: The key is not valid.
        RoleRefused: The key does not have the role `desk`.
    """
    key = auth.find(sent_key)
    if key.role != "desk":
        raise RoleRefused
    response.set_cookie(
        COOKIE,
        _serializer().dumps((key.name, _fingerprint(key))),
        max_age=LIFETIME_SECONDS,
        path=_path(),
        secure=not (request.scheme == "http" and _is_loopback()),
        httponly=True,
        samesite="Strict",
    )
    return response


def end(response: BaseResponse) -> BaseResponse:
    """Return the response with the instruction to delete the cookie."""
    response.delete_cookie(COOKIE, path=_path(), httponly=True, samesite="Strict")
    return response


def _is_loopback() -> bool:
    return urlsplit(request.host_url).hostname in auth.LOOPBACK


def _path() -> str:
    # With the stage of API Gateway, if there is one.
    return url_for("desk.show_queue").rstrip("/")


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(config.SECRET_KEY or _random_secret, salt=COOKIE)


def _fingerprint(key: Key) -> str:
    return hashlib.sha256(key.digest.encode()).hexdigest()

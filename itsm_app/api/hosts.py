"""Host names in headers: reject an invalid Host, and recognise this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.exceptions import BadHost

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def init_app(app: Flask) -> None:
    """Check the header Host of every request."""
    app.before_request(_check_host)


def names_loopback(url: str) -> bool:
    """Return whether the host of a URL is this machine. False if the URL is malformed."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def _check_host() -> None:
    # Werkzeug checks the other rules of a host name when it looks up the route. It decodes such a
    # name only when a view builds an absolute URL, and then raises an error in some Pythons.
    host = request.host.lower()
    if "xn--" in host:
        try:
            host.partition(":")[0].encode().decode("idna")
        except UnicodeError:
            raise BadHost from None

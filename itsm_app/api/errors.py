"""Errors that a request can cause before it reaches the ticket operations."""

from __future__ import annotations


class RequestError(Exception):
    """Base class of the errors in this module."""


class NoKeys(RequestError):
    """The service has no API keys, and the request does not come from this machine."""


class KeyRefused(RequestError):
    """The request has no API key or an invalid API key."""


class RoleRefused(RequestError):
    """The API key is valid, but its role does not include this operation."""


class BoundRefused(RoleRefused):
    """The request is bound to a caller, and the operation concerns all callers."""


class DeskShut(RequestError):
    """The desk cannot sign its sessions, because `SECRET_KEY` is missing or too short."""


class NoSession(RequestError):
    """The browser is not signed in to the desk."""


class CrossSite(RequestError):
    """A request to the desk does not come from a page of the desk."""


class SearchOff(RequestError):
    """The service has no search index."""


class BodyTooLarge(RequestError):
    """The body of the request is longer than `parsing.MAX_BODY_BYTES`."""


class InvalidBody(RequestError):
    """The body is not a JSON object in UTF-8. `form` describes the body, for example `empty`."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.form = form


class NotJson(InvalidBody):
    """The body is not JSON."""


class NoOAuth(RequestError):
    """A client looks for an OAuth server, which this service does not have."""


class PostOnly(RequestError):
    """The MCP endpoint received a GET or DELETE request."""


class InvalidEvent(RequestError):
    """An event of Amazon Connect lacks a part, or a part has the wrong type."""


class UnknownInstance(RequestError):
    """An event comes from an instance of Amazon Connect that `CONNECT_INSTANCES` does not list."""


class UnknownOperation(RequestError):
    """An event of Amazon Connect names no operation, or an operation that does not exist."""


class CallerMismatch(RequestError):
    """The request is bound to a caller and names another caller.

    Attributes:
        field: The field that names the other caller.
        length: The length of this field in characters.
    """

    def __init__(self, field: str, length: int) -> None:
        super().__init__(field)
        self.field = field
        self.length = length

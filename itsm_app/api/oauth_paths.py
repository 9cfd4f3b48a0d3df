"""Paths at which MCP clients look for an OAuth server after a 401 response.

The service has no OAuth server. Without this module, a client shows its user only that a path does
not exist. Clients show the field `error_description`: RFC 7591, section 3.2.2.
"""

from __future__ import annotations

import re

import msgspec

from .response_schemas import Error, OAuthError

# The paths of the metadata are in RFC 8414, RFC 9728 and OpenID Connect Discovery. The path of the
# MCP endpoint can follow or precede them. Clients that find no metadata use the other three paths:
# "Fallbacks for Servers without Metadata Discovery" in `basic/authorization` of the MCP
# specification, 2025-03-26.
OAUTH_PATHS = re.compile(
    r"(?:/mcp)?/\.well-known/"
    r"(?:oauth-authorization-server|oauth-protected-resource|openid-configuration)(?:/.*)?"
    r"|/(?:authorize|register|token)"
)


def in_oauth_form(error: Error) -> OAuthError:
    """Return an error in the form of OAuth errors."""
    return OAuthError(**msgspec.structs.asdict(error), error_description=error.error)

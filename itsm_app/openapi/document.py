"""The OpenAPI document of the four operations, from `openapi.json`.

The document is the only source of the texts that clients and language models read about the
operations. Agent platforms import it, the viewer at `/docs` shows it, and the MCP tools are made
from it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec


@cache
def document() -> dict[str, Any]:
    """Return the document in OpenAPI 3.0.0. In 3.1.0, only the version number differs.

    The file is read at the first call, so that a cold start does not pay for it.
    """
    content: dict[str, Any] = msgspec.json.decode(
        Path(__file__).with_name("openapi.json").read_bytes()
    )
    return content

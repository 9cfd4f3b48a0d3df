"""The OpenAPI document of the four operations, from `openapi.json`.

It is the only source of what clients and language models read about the operations: the importers
of agents, the viewer at `/docs` and the MCP tools use it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec


@cache
def document() -> dict[str, Any]:
    """Return the document, in version 3.0.0. Version 3.1.0 differs in its version only.

    The file is read at the first call, so that a cold start does not pay for it.
    """
    content: dict[str, Any] = msgspec.json.decode(
        Path(__file__).with_name("openapi.json").read_bytes()
    )
    return content

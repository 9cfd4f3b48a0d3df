"""Responses for a flow: flat maps of strings, within the size limit of Amazon Connect."""

from __future__ import annotations

import json
from collections.abc import Mapping

# "The Lambda response must be … less than 32 KB": "Invoke a Lambda function from a flow" in the
# Amazon Connect Administrator Guide. Amazon Connect does not document how it counts, so the limit
# holds for JSON in which every other character than ASCII is escaped.
MAX_BYTES = 32_000
CUT = "\u2026"

Fields = Mapping[str, str | None]


def success(fields: Fields) -> dict[str, str]:
    """Return the response of an operation."""
    return _flat({"ok": "true", "code": "ok", **fields})


def failure(fields: Fields) -> dict[str, str]:
    """Return the response for an error."""
    return _flat({"ok": "false", **fields})


def _flat(fields: Fields) -> dict[str, str]:
    """Return the fields that have a value. Shorten the longest texts until the response fits."""
    texts = {name: text for name, text in fields.items() if text is not None}
    while len(json.dumps(texts)) > MAX_BYTES:
        longest = max(texts, key=lambda name: len(json.dumps(texts[name])))
        texts[longest] = texts[longest][: len(texts[longest]) * 3 // 4] + CUT
    return texts

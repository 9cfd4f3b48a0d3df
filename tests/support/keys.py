"""API keys for tests. They are fixed: pytest-xdist requires the same test ids in every process."""

from __future__ import annotations

import hashlib


def fixed_key(name: str, role: str, number: int = 1) -> tuple[str, str]:
    """Return an API key and its entry for `API_KEYS`, both the same in every run."""
    key = f"itsm_fixed-test-key-{number}-of-{name}"
    return key, f"{name}:{role}:{hashlib.sha256(key.encode()).hexdigest()}"

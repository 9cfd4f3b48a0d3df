"""Tests of the setting `REDACT`: the check at the start, and the documented examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from itsm_app import config, create_app, redaction

SECURITY = Path(__file__).parents[2] / "docs/security.md"


@pytest.mark.parametrize("setting", ["card", "cards passwords", "on", "cards,names"])
def test_unknown_name_stops_the_start(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setattr(config, "REDACT", setting)
    with pytest.raises(config.InvalidSetting, match="REDACT must be"):
        create_app()


def test_documented_examples_are_stored_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "REDACT", "cards,passwords")
    chapter = SECURITY.read_text().partition("## Redaction")[2].partition("\n## ")[0]
    examples = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", chapter, re.MULTILINE)
    assert len(examples) > 30
    assert [(text, redaction.redact(text)) for text, _ in examples] == examples

"""Replace payment card numbers and passwords in texts before the texts are stored.

The setting `REDACT` names what is replaced. Redaction is off by default. docs/security.md lists
what is caught and what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .. import config

NAMES = ("cards", "passwords")
# The members of a hand-over that are texts.
TEXTS = ("reason", "summary")


def check_setting() -> None:
    """Raise `InvalidSetting` if `REDACT` has an unknown name. Load what the setting needs."""
    if not set(_names()) <= {*NAMES}:
        raise config.InvalidSetting(
            "REDACT must be `cards`, `passwords`, `cards,passwords` or empty"
        )
    _redactors()


def redact(text: str) -> str:
    """Return a text in which `[card]` and `[password]` replace what `REDACT` names.

    A text that was redacted before stays as it is.
    """
    for replace in _redactors():
        text = replace(text)
    return text


def redact_handover(content: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a hand-over with its reason and summary redacted, or None without a hand-over."""
    if content is None:
        return None
    return {name: redact(text) if name in TEXTS else text for name, text in content.items()}


def _names() -> list[str]:
    return [name.strip() for name in config.REDACT.split(",") if name.strip()]


def _redactors() -> list[Callable[[str], str]]:
    names = _names()
    redactors: list[Callable[[str], str]] = []
    # The modules are imported only if they are used, for a short cold start. Card numbers come
    # first: redacted passwords leave no new card number, so a second run changes nothing.
    if "cards" in names:
        from . import card_numbers

        redactors.append(card_numbers.replace)
    if "passwords" in names:
        from . import passwords

        redactors.append(passwords.replace)
    return redactors

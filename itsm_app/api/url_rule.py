"""The class of the URL rules of the app."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class UrlRule(Rule):
    """A rule that compiles the code that builds its URLs when a URL is built.

    Werkzeug compiles this code twice for every rule at the start: 5 % of the CPU of a cold start.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        @cache
        def compiled() -> Builder:
            return super(UrlRule, self)._compile_builder(append_unknown)

        def build(self: UrlRule, **values: Any) -> tuple[str, str]:
            return compiled()(self, **values)

        return build

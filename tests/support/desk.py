"""An HTTP client that uses the service desk pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from flask import Flask
from werkzeug.test import TestResponse

from .keys import fixed_key

ANNA, ANNA_ENTRY = fixed_key("anna.b", "desk")
BOB, BOB_ENTRY = fixed_key("bob", "desk")
AGENT, AGENT_ENTRY = fixed_key("voice", "agent")
SECRET = "s" * 32
STAGE = {"SCRIPT_NAME": "/poc"}
HTML = "text/html; charset=utf-8"
REMOTE_CLIENT = {"REMOTE_ADDR": "203.0.113.7"}


class Desk:
    """The browser of a desk user, without JavaScript."""

    def __init__(self, app: Flask, environ: dict[str, str] | None = None) -> None:
        self.client = app.test_client()
        self.environ = environ or {}

    def get(self, path: str, **headers: str) -> TestResponse:
        headers = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.client.get(path, headers=headers, environ_overrides=self.environ)

    def post(self, path: str, form: Mapping[str, str | list[str]], **headers: str) -> TestResponse:
        headers = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.client.post(path, data=form, headers=headers, environ_overrides=self.environ)

    def sign_in(self, key: str, query: str = "") -> TestResponse:
        return self.post(f"/desk/sign-in{query}", {"key": key})

    def form(self, path: str, button: str) -> dict[str, str]:
        """GET a page and return the fields that its form sends when `button` is pressed."""
        return form(self.get(path).text, button)


def form(page: str, button: str) -> dict[str, str]:
    """Return the fields that the form with this button on a page sends when it is pressed."""
    (html,) = [
        found
        for found in re.findall(r"<form.*?</form>", page, re.DOTALL)
        if f">{button}</button>" in found
    ]
    pattern = r'<(?:input type="hidden"|input id="\w+") name="(\w+)".*?value="([^"]*)"'
    fields = dict(re.findall(pattern, html))
    fields |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)<', html))
    pressed = re.findall(rf'<button[^>]*name="(\w+)" value="([^"]*)"[^>]*>{button}<', html)
    return {name: unescape(value) for name, value in [*fields.items(), *pressed]}

"""An HTTP client that uses the service desk pages."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

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
    """Return the fields that the form with this button on a page sends when it is pressed.

    A button can have several texts. Style sheets show one of them at a time.
    """
    reader = FormReader()
    reader.feed(page)
    (pressed,) = [each for each in reader.buttons if button in each.texts]
    fields = dict(reader.fields.get(pressed.form, {}))
    if pressed.name:
        fields[pressed.name] = pressed.value
    return fields


class Button:
    """A button of a page: its form, what it sends, and its texts."""

    def __init__(self, form: str, attributes: dict[str, str]) -> None:
        self.form = form
        self.name, self.value = attributes.get("name", ""), attributes.get("value", "")
        self.texts: list[str] = []


class FormReader(HTMLParser):
    """Read the buttons of a page, and the fields of its forms as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: list[Button] = []
        self.fields: dict[str, dict[str, str]] = {}
        self._form = ""
        self._select = ""
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = attributes.get("id", f"form {len(self.fields)}")
            self.fields.setdefault(self._form, {})
        form, name = attributes.get("form", self._form), attributes.get("name", "")
        fields = self.fields.setdefault(form, {})
        is_choice = attributes.get("type") in ("radio", "checkbox")
        if tag == "input" and name and (not is_choice or "checked" in attributes):
            fields[name] = attributes.get("value", "")
        elif tag == "textarea" and name:
            fields[name], self._open = "", name
        elif tag == "select":
            self._select = name
        elif (
            tag == "option"
            and self._select
            and ("selected" in attributes or self._select not in fields)
        ):
            fields[self._select] = attributes["value"]
        elif tag == "button":
            self.buttons.append(Button(form, attributes))
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""
        if tag in ("textarea", "button"):
            self._open = ""
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._open == "button":
            self.buttons[-1].texts.append(data.strip())
        elif self._open:
            self.fields[self._form][self._open] += data

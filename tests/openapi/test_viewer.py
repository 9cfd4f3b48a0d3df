"""The page at /docs: whole by itself, strict, and Swagger UI as it was published."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from itsm_app.openapi.viewer_files import FILES, FOLDER

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB

ORIGINALS = re.findall(
    r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
)
TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/init.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
}


class Page(HTMLParser):
    """What a page loads, and what of its own it would run or draw with."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attributes:
            if name in ("src", "href"):
                self.urls.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(data)


@ON_MOTO
@pytest.mark.parametrize(("path", "content_type"), TYPES.items())
def test_the_page_and_its_files_are_there(
    client: FlaskClient, faults: FaultyDynamoDB, path: str, content_type: str
) -> None:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, content_type)
    assert response.text
    assert faults.operations == []


def test_every_file_is_among_them() -> None:
    assert {f"/docs/{name}".removesuffix("/") for name in FILES} == set(TYPES)


def test_the_policy_allows_nothing_inline_nothing_evaluated_and_nobody_else(
    client: FlaskClient,
) -> None:
    header = client.get("/docs").headers["Content-Security-Policy"]
    directives = dict(each.strip().split(" ", 1) for each in header.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("stage", ["", "/poc"])
def test_the_page_loads_what_is_there_and_nothing_inline(client: FlaskClient, stage: str) -> None:
    base = f"https://abc123.execute-api.us-east-1.amazonaws.com{stage}"
    page = Page(client.get("/docs", base_url=base).text)
    assert page.inline == []
    urls = [urljoin(f"{base}/docs", url) for url in page.urls if url != "data:,"]
    assert set(urls) == {f"{base}{path}" for path in {*TYPES, "/openapi.json"} - {"/docs"}}


def test_the_script_asks_for_the_document_beside_the_page_and_keeps_no_key(
    client: FlaskClient,
) -> None:
    script = client.get("/docs/init.js").text
    assert re.findall(r"fetch\((.*?)\)", script) == ['"openapi.json"']
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script
    assert not re.search(r"Storage|cookie|https?:", script)


@pytest.mark.parametrize(("name", "sha256"), ORIGINALS)
def test_the_viewer_is_that_of_npm(client: FlaskClient, name: str, sha256: str) -> None:
    assert hashlib.sha256(client.get(f"/docs/{name}").data).hexdigest() == sha256


def test_both_files_of_the_viewer_are_checked() -> None:
    compressed = {file.name.removesuffix(".xz") for file in (FOLDER).glob("*.xz")}
    assert {name for name, _ in ORIGINALS} == compressed
    assert len(compressed) == 2


@pytest.mark.parametrize("path", TYPES)
def test_a_browser_that_has_a_file_is_not_sent_it_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data) == (200, first.data)


@pytest.mark.parametrize(
    "name",
    ["", "index.html", "README.md", "swagger-ui.css.xz", "..%2Fopenapi.json", "../openapi.json"],
)
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    response = client.get(f"/docs/{name}")
    assert (response.status_code, response.json["code"]) == (404, "no_such_operation")
    assert "Content-Security-Policy" not in response.headers

"""Tests of the page at /docs: its files, its Content-Security-Policy and the Swagger UI version."""

from __future__ import annotations

import gzip
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.openapi.viewer_files import FILES, FOLDER

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB

README = (FOLDER / "README.md").read_text()
PUBLISHED_FILES = re.findall(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", README, re.MULTILINE)
TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/init.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
}


class Page(HTMLParser):
    """The URLs that a page loads, and its inline scripts and styles."""

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
def test_serves_the_page_and_its_files_without_dynamodb(
    client: FlaskClient, faults: FaultyDynamoDB, path: str, content_type: str
) -> None:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, content_type)
    assert response.text
    assert faults.operations == []


def test_types_lists_every_file_of_the_viewer() -> None:
    assert {f"/docs/{name}".removesuffix("/") for name in FILES} == set(TYPES)


def test_content_security_policy_allows_only_files_of_this_origin(
    client: FlaskClient,
) -> None:
    header = client.get("/docs").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in header.split(";"))
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
def test_page_loads_exactly_the_served_files_and_has_no_inline_code(
    client: FlaskClient, stage: str
) -> None:
    base = f"https://abc123.execute-api.us-east-1.amazonaws.com{stage}"
    page = Page(client.get("/docs", base_url=base).text)
    assert page.inline == []
    urls = [urljoin(f"{base}/docs", url) for url in page.urls if url != "data:,"]
    urls = [url.partition("?")[0] for url in urls]
    assert set(urls) == {f"{base}{path}" for path in {*TYPES, "/openapi.json"} - {"/docs"}}


def test_script_fetches_the_document_by_relative_url_and_stores_no_key(
    client: FlaskClient,
) -> None:
    script = client.get("/docs/init.js").text
    assert re.findall(r"fetch\((.*?)\)", script) == ['"openapi.json"']
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script
    assert not re.search(r"Storage|cookie|https?:", script)


@pytest.mark.parametrize(("name", "sha256"), PUBLISHED_FILES)
def test_viewer_files_have_the_published_checksums(
    client: FlaskClient, name: str, sha256: str
) -> None:
    assert hashlib.sha256(client.get(f"/docs/{name}").data).hexdigest() == sha256


def test_readme_lists_both_files_of_the_viewer() -> None:
    compressed = {file.name.removesuffix(".gz") for file in FOLDER.glob("*.gz")}
    assert {name for name, _ in PUBLISHED_FILES} == compressed
    assert len(compressed) == 2


@pytest.mark.parametrize("path", TYPES)
def test_returns_304_for_a_matching_etag(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    unchanged = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers.get("Vary") == first.headers.get("Vary")
    changed = client.get(path, headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.data) == (200, first.data)


@pytest.mark.parametrize(
    "name",
    ["", "index.html", "README.md", "swagger-ui.css.gz", "..%2Fopenapi.json", "../openapi.json"],
)
def test_serves_no_other_file(client: FlaskClient, name: str) -> None:
    response = client.get(f"/docs/{name}")
    assert (response.status_code, response.json["code"]) == (404, "no_such_operation")
    assert "Content-Security-Policy" not in response.headers


LARGE_FILES = ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]


@pytest.mark.parametrize("path", LARGE_FILES)
@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("br", False),
        ("", False),
        (None, False),
    ],
)
def test_compresses_large_files_if_the_client_accepts_gzip(
    client: FlaskClient, path: str, accepted: str | None, compressed: bool
) -> None:
    plain = client.get(path)
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    response = client.get(path, headers=headers)
    assert response.headers["Vary"] == "Accept-Encoding"
    assert ("Content-Encoding" in response.headers) == compressed
    assert int(response.headers["Content-Length"]) == len(response.data)
    # A cache must not take one form for the other.
    assert (response.headers["ETag"] != plain.headers["ETag"]) == compressed
    if compressed:
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(response.data) < len(plain.data) / 3
        assert gzip.decompress(response.data) == plain.data
        headers |= {"If-None-Match": response.headers["ETag"]}
        assert client.get(path, headers=headers).status_code == 304
    else:
        assert response.data == plain.data


def test_lambda_leaves_compression_to_api_gateway(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "poc-itsm-api-handler")
    response = client.get(LARGE_FILES[0], headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.text


def test_page_loads_large_files_by_a_url_with_their_version(client: FlaskClient) -> None:
    (version,) = re.findall(r"npmjs\.com/package/swagger-ui-dist\) ([\d.]+)\. ", README)
    page = client.get("/docs").text
    for path in LARGE_FILES:
        url = f"{path}?v={version}"
        assert f'"{url[1:]}"' in page
        cached = client.get(url).headers["Cache-Control"]
        assert cached == "public, max-age=31536000, immutable"


def test_setting_disables_the_viewer(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "API_VIEWER", "off")
    client = create_app().test_client()
    for path in TYPES:
        response = client.get(path)
        assert (response.status_code, response.json["code"]) == (404, "no_such_operation")
    assert client.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("value", ["no", "Off", "1"])
def test_startup_fails_on_another_value_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(config, "API_VIEWER", value)
    with pytest.raises(config.InvalidSetting, match="API_VIEWER must be on or off"):
        create_app()

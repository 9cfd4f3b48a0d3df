"""The documentation matches the code: examples run, tables are complete, links lead on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from itsm_app import config
from itsm_app.api.error_messages import FAILURES

from ..support.flask_run import ROOT, flask_run

PAGES = {path.name: path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]}
# Text that differs between runs: ids and times.
VARIES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z")
LINK = re.compile(r"(?:\]\(|(?:src|href)=\")(?!https?:)([^)\s\"#]*)(?:#([\w-]+))?[)\"]")


def section(page: str, heading: str) -> str:
    """Return the text between a heading of the second level and the next one."""
    (found,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGES[page], re.DOTALL | re.MULTILINE
    )
    return str(found)


def session(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page's console session with their output."""
    (block,) = re.findall(r"```console\n(.*?)```", PAGES[page], re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)


@pytest.mark.embedded
@pytest.mark.parametrize(("page", "commands"), [("README.md", 3), ("api.md", 7)])
def test_curl_session_prints_the_documented_output(
    tmp_path: Path, page: str, commands: int
) -> None:
    # The values of this run for the documented ids and times.
    current: dict[str, str] = {}

    def with_current_values(text: str) -> str:
        return VARIES.sub(lambda found: current[found[0]], text)

    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        for command, expected in session(page):
            command = with_current_values(command)
            command = command.replace("localhost:5000", f"localhost:{server.port}")
            output = subprocess.check_output(command, shell=True, text=True)
            current |= dict(zip(VARIES.findall(expected), VARIES.findall(output), strict=True))
            assert with_current_values(expected).strip() == output.strip()
    assert len(session(page)) == commands


@pytest.mark.embedded
def test_agent_example_prints_the_documented_output(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGES["agents.md"], re.DOTALL)
    (expected,) = re.findall(r"```text\n((?:done|failed): .*?)```", PAGES["agents.md"], re.DOTALL)
    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        code = code.replace("localhost:5000", f"localhost:{server.port}")
        output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert VARIES.sub("", output) == VARIES.sub("", expected)


def test_errors_table_lists_every_error_code() -> None:
    documented = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", section("api.md", "Errors"), re.MULTILINE
    )
    failures = {(failure.code, failure.status, failure.retryable) for failure in FAILURES.values()}
    assert sorted(documented) == sorted(
        (code, str(status), "yes" if retryable else "no") for code, status, retryable in failures
    )
    # The Lambda handler's own error, which the app does not see.
    source = (ROOT / "deploy/lambda_handler.py").read_text()
    assert re.findall(r'"code": "(\w+)"', source) == ["bad_request"]


def test_settings_table_lists_every_setting() -> None:
    settings = {name for name in vars(config) if name.isupper()}
    documented = re.findall(r"^\| `(\w+)`", section("operations.md", "Settings"), re.MULTILINE)
    assert set(documented) == settings


def test_architecture_lists_every_module() -> None:
    package = ROOT / "itsm_app"
    modules = {str(path.relative_to(package)) for path in package.rglob("*.py")}
    documented = set()
    folder = ""
    for line in section("architecture.md", "Packages and modules").splitlines():
        if found := re.match(r"\| in `(\w+/)`", line):
            folder = found[1]
        names = re.findall(
            r"`([\w/]+\.py)`", line.split("|")[1] if folder and "|" in line else line
        )
        documented |= {f"{folder}{name}" for name in names}
    documented |= {"__init__.py"} | {
        module for module in modules if module.endswith("/__init__.py")
    }
    assert documented == modules


def test_stage_settings_table_lists_every_setting() -> None:
    cells = re.findall(r"^\| (.*?) \|", section("deploy.md", "Settings of a stage"), re.MULTILINE)
    settings = json.loads((ROOT / "zappa_settings.json").read_text())
    assert set(re.findall(r"`(\w+)`", "".join(cells))) == set(settings["poc"])


def test_monitoring_command_uses_the_parameters_of_the_template() -> None:
    template = json.loads((ROOT / "deploy/monitoring.json").read_text())
    (overrides,) = re.findall(r"--parameter-overrides (.*)", PAGES["operations.md"])
    names = {override.partition("=")[0] for override in overrides.split()}
    assert names == set(template["Parameters"])


def test_readme_fits_on_few_screens() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_links_lead_to_existing_files_and_headings(page: str) -> None:
    folder = ROOT / "docs" if (ROOT / "docs" / page).exists() else ROOT
    for target, anchor in LINK.findall((folder / page).read_text()):
        file = folder / target if target else folder / page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}
            assert anchor in anchors, f"{target}#{anchor}"

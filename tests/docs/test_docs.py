"""Tests that the README matches the code: its examples run, and its tables are complete."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from itsm_app import config
from itsm_app.api.error_responses import FAILURES

from ..support.flask_run import ROOT, flask_run

README = (ROOT / "README.md").read_text()
# Text that differs between runs: ids and times.
VARIES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z")


def session() -> list[tuple[str, str]]:
    """Return the commands of the README's console session with their output."""
    (block,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)


@pytest.mark.embedded
def test_curl_session_prints_the_output_in_the_readme(tmp_path: Path) -> None:
    # The values of this run for the ids and times in the README.
    current: dict[str, str] = {}

    def with_current_values(text: str) -> str:
        return VARIES.sub(lambda found: current[found[0]], text)

    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        for command, expected in session():
            command = with_current_values(command)
            command = command.replace("localhost:5000", f"localhost:{server.port}")
            output = subprocess.check_output(command, shell=True, text=True)
            current |= dict(zip(VARIES.findall(expected), VARIES.findall(output), strict=True))
            assert with_current_values(expected).strip() == output.strip()
    assert len(session()) == 7


@pytest.mark.embedded
def test_agent_example_prints_the_output_in_the_readme(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (expected,) = re.findall(r"```text\n((?:done|failed): .*?)```", README, re.DOTALL)
    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        code = code.replace("localhost:5000", f"localhost:{server.port}")
        output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert VARIES.sub("", output) == VARIES.sub("", expected)


def test_errors_table_lists_every_error_code() -> None:
    (section,) = re.findall(r"### Errors\n(.*?)\n### ", README, re.DOTALL)
    documented = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", section, re.MULTILINE)
    failures = {(failure.code, failure.status, failure.retryable) for failure in FAILURES.values()}
    assert sorted(documented) == sorted(
        (code, str(status), "yes" if retryable else "no") for code, status, retryable in failures
    )
    # The Lambda handler's own error, which the app does not see.
    source = (ROOT / "deploy/lambda_handler.py").read_text()
    assert re.findall(r'"code": "(\w+)"', source) == ["bad_request"]


def test_settings_table_lists_every_setting() -> None:
    (section,) = re.findall(r"## Settings\n(.*?)\n## ", README, re.DOTALL)
    settings = {name for name in vars(config) if name.isupper()}
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == settings


def test_layout_section_lists_every_module() -> None:
    (section,) = re.findall(r"## How the code is laid out\n(.*?)\n## ", README, re.DOTALL)
    package = ROOT / "itsm_app"
    wiring = {"__init__.py", "blueprints/__init__.py", "desk/__init__.py", "wsgi.py"}
    modules = {str(path.relative_to(package)) for path in package.rglob("*.py")} - wiring
    assert set(re.findall(r"`([\w/]+\.py)`", section)) == modules


def test_stage_settings_table_lists_every_setting() -> None:
    (section,) = re.findall(r"### Settings of a stage\n(.*?)\n### ", README, re.DOTALL)
    documented = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))
    )
    settings = json.loads((ROOT / "zappa_settings.json").read_text())
    assert documented == set(settings["poc"])


def test_monitoring_command_uses_the_parameters_of_the_template() -> None:
    template = json.loads((ROOT / "deploy/monitoring.json").read_text())
    (overrides,) = re.findall(r"--parameter-overrides (.*)", README)
    names = {override.partition("=")[0] for override in overrides.split()}
    assert names == set(template["Parameters"])

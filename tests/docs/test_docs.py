"""The README, run for real."""

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
# What differs from run to run: ids and times.
VARIES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z")


def session() -> list[tuple[str, str]]:
    """Return the commands of the README's session, each with what it printed."""
    (block,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)


@pytest.mark.embedded
def test_the_curl_session_prints_what_the_readme_says(tmp_path: Path) -> None:
    now: dict[str, str] = {}

    def as_now(text: str) -> str:
        return VARIES.sub(lambda found: now[found[0]], text)

    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        for command, printed in session():
            command = as_now(command).replace("localhost:5000", f"localhost:{server.port}")
            got = subprocess.check_output(command, shell=True, text=True)
            now |= dict(zip(VARIES.findall(printed), VARIES.findall(got), strict=True))
            assert as_now(printed).strip() == got.strip()
    assert len(session()) == 7


@pytest.mark.embedded
def test_the_call_of_an_agent_goes_as_the_readme_says(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (printed,) = re.findall(r"```text\n((?:done|failed): .*?)```", README, re.DOTALL)
    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        code = code.replace("localhost:5000", f"localhost:{server.port}")
        got = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert VARIES.sub("", got) == VARIES.sub("", printed)


def test_the_table_of_errors_has_every_code() -> None:
    (section,) = re.findall(r"### Errors\n(.*?)\n### ", README, re.DOTALL)
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", section, re.MULTILINE)
    failures = {(each.code, each.status, each.retryable) for each in FAILURES.values()}
    assert sorted(told) == sorted(
        (code, str(status), "yes" if retryable else "no") for code, status, retryable in failures
    )
    # What is answered before the app is asked.
    source = (ROOT / "deploy/lambda_handler.py").read_text()
    assert re.findall(r'"code": "(\w+)"', source) == ["bad_request"]


def test_the_settings_table_names_every_setting() -> None:
    (section,) = re.findall(r"## Settings\n(.*?)\n## ", README, re.DOTALL)
    settings = {name for name in vars(config) if name.isupper()}
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == settings


def test_the_layout_names_every_module() -> None:
    (section,) = re.findall(r"## How the code is laid out\n(.*?)\n## ", README, re.DOTALL)
    package = ROOT / "itsm_app"
    wiring = {"__init__.py", "blueprints/__init__.py", "desk/__init__.py", "wsgi.py"}
    modules = {str(path.relative_to(package)) for path in package.rglob("*.py")} - wiring
    assert set(re.findall(r"`([\w/]+\.py)`", section)) == modules


def test_every_setting_of_a_stage_is_explained() -> None:
    (section,) = re.findall(r"### Settings of a stage\n(.*?)\n### ", README, re.DOTALL)
    explained = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))
    )
    settings = json.loads((ROOT / "zappa_settings.json").read_text())
    assert explained == set(settings["poc"])


def test_the_parameters_of_the_monitoring_stack_are_its_own() -> None:
    template = json.loads((ROOT / "deploy/monitoring.json").read_text())
    (overrides,) = re.findall(r"--parameter-overrides (.*)", README)
    assert {each.partition("=")[0] for each in overrides.split()} == set(template["Parameters"])

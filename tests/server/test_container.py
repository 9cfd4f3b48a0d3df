"""Tests of the Containerfile. No container engine builds it here: a venv and a user rehearse it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ..support.flask_run import ROOT
from ..support.ports import free_port
from ..support.single_server import AGENT, AGENT_ENTRY, SECRET, documented_command

pytestmark = pytest.mark.server

HOME = "/opt/itsm-app"
DATA = "/var/lib/itsm-app"
# Debian's Python, which the unprivileged user may execute.
PYTHON = "/usr/bin/python3"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile with their arguments."""
    text = (ROOT / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, rest.strip())
        for name, _, rest in (line.partition(" ") for line in joined.splitlines())
    ]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def exec_form(text: str) -> list[str]:
    """Return the words of an instruction in exec form, which needs no shell."""
    words: list[str] = json.loads(text)
    return words


def healthcheck() -> list[str]:
    (text,) = arguments("HEALTHCHECK")
    return exec_form(text.partition(" CMD ")[2])


def test_base_image_is_a_slim_python_of_a_fixed_minor_version() -> None:
    (image,) = arguments("FROM")
    minor = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(rf"docker\.io/library/python:{minor}-slim-\w+", image)


def test_image_starts_the_command_of_the_unit_without_a_shell() -> None:
    (command,) = arguments("CMD")
    assert exec_form(command) == documented_command()
    assert not arguments("ENTRYPOINT")


def test_image_runs_as_an_unprivileged_user() -> None:
    names = [name for name, _ in instructions()]
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    # Whatever the image contains belongs to root.
    assert names.index("USER") > max(n for n, name in enumerate(names) if name in ("RUN", "COPY"))


def test_tickets_are_in_a_volume() -> None:
    (volume,) = arguments("VOLUME")
    (variables,) = arguments("ENV")
    assert exec_form(volume) == [DATA]
    assert f"LOCAL_DYNAMODB={DATA}" in variables.split()


def test_build_context_has_only_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    sources = [text.split()[0] for text in arguments("COPY")]
    assert rules == ["*", *sorted(f"!{source}" for source in sources), "**/__pycache__"]


class Image:
    """The steps of the Containerfile in a folder, and its command as the user."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.variables = {"PATH": "/usr/bin:/bin"}
        self.user = 0
        (root / HOME[1:]).mkdir(parents=True)
        (root / DATA[1:]).parent.mkdir(parents=True)
        for name, text in instructions():
            getattr(self, f"_{name.lower()}", lambda _: None)(text)

    def placed(self, word: str) -> str:
        """Return a word of a command for this folder and this port."""
        word = re.sub(r"127\.0\.0\.1:8000", f"127.0.0.1:{self.port}", word)
        return re.sub(r"^(?:LOCAL_DYNAMODB=)?(?=/opt|/var)", rf"\g<0>{self.root}", word)

    def start(self, words: list[str], **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.placed(word) for word in words],
            cwd=self.root / HOME[1:],
            env=self.variables,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=[],
            **options,
        )

    def call(self, words: list[str]) -> str:
        with self.start(words, stdout=subprocess.PIPE) as process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, (words, output)
        return output

    def _run(self, text: str) -> None:
        words = exec_form(text)
        if words[0] != "useradd":
            self.call([PYTHON, *words[1:]] if words[0] == "python" else words)

    def _copy(self, text: str) -> None:
        source, target = text.split()
        path = self.root / HOME[1:] / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, path)

    def _env(self, text: str) -> None:
        self.variables |= dict(self.placed(each).split("=", 1) for each in text.split())

    def _user(self, text: str) -> None:
        self.user = int(text.partition(":")[0])


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if os.getuid() != 0:
        pytest.skip("Only root can run a command as another user.")
    # The folders of pytest belong to root, and no other user can enter them.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        before = os.umask(0o022)
        try:
            yield Image(Path(folder))
        finally:
            os.umask(before)


def test_image_serves_tickets_as_its_user(image: Image) -> None:
    image.variables |= {"API_KEYS": AGENT_ENTRY, "SECRET_KEY": SECRET}
    assert "was created" in image.call([".venv/bin/flask", "init-db"])
    (command,) = arguments("CMD")
    process = image.start(exec_form(command))
    try:
        wait_until_healthy(image)
        headers = {"x-api-key": AGENT}
        url = f"http://127.0.0.1:{image.port}/tickets"
        body = {"caller_id": "a", "issue_description": "b"}
        assert requests.post(url, json=body, headers=headers, timeout=10).status_code == 201
        image.call(healthcheck())
        assert image.call([".venv/bin/flask", "export"]).count("\n") == 1
        with image.start(["touch", f"{HOME}/itsm_app/x"], stderr=subprocess.DEVNULL) as touch:
            assert touch.wait() != 0
    finally:
        process.terminate()
        assert process.wait(timeout=5) == 0
    with image.start(healthcheck(), stderr=subprocess.DEVNULL) as check:
        assert check.wait() != 0


def test_image_has_no_tools_of_the_deployment_to_aws(image: Image) -> None:
    installed = image.call([".venv/bin/pip", "list", "--format=freeze"])
    assert "waitress==" in installed
    assert not re.search(r"^(zappa|boto3|moto|ministack|pytest)==", installed, re.MULTILINE)


def wait_until_healthy(image: Image) -> None:
    deadline = time.monotonic() + 20
    while True:
        with image.start(healthcheck(), stderr=subprocess.DEVNULL) as check:
            if check.wait() == 0:
                return
        assert time.monotonic() < deadline

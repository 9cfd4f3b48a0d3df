"""Somebody who deploys: a clean clone, the README's commands, and what comes of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from textwrap import dedent
from typing import Any

import requests

from .aws import ACCOUNT, REGION, ROOT, Aws, Keys
from .internet import LOOPBACK

# What the contract calls the resources of the stage `poc`.
FUNCTION = "poc-itsm-api-handler"
ROLE = "poc-itsm-lambda-role"
TABLE = "poc-itsm-tickets"
LOG_GROUP = f"/aws/lambda/{FUNCTION}"
ALIAS_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}:snapstart"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"


def step(does: str) -> str:
    """Return the README's commands of the step that does this."""
    blocks = re.findall(r"```sh\n(.*?)```", _section(), re.DOTALL)
    (found,) = (dedent(each) for each in blocks if does in each)
    return found


def table_of_another_stage() -> str:
    """Return the README's command that makes the table of the stage `prod`."""
    (found,) = re.findall(r"`(TABLE_NAME=prod\S+ flask init-db)`", _section())
    return str(found)


def command(name: str) -> str:
    """Return the README's command `zappa {name} …`, from its table."""
    (found,) = re.findall(rf"^\| `(zappa {name} [^`]*)`", _section(), re.MULTILINE)
    return str(found)


def _section() -> str:
    readme = (ROOT / "README.md").read_text()
    (found,) = re.findall(r"^## Deploy\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    return str(found)


class Clone:
    """A clean clone of this repository, and somebody with keys to AWS who works in it.

    `entries` are those of the stage's `API_KEYS`, and `callers` has a key of theirs for each role.
    """

    def __init__(self, aws: Aws, stage: str = "poc") -> None:
        self.path = aws.home / f"clone-for-{stage}"
        self._aws = aws
        files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
        for file in files.split("\0")[:-1]:
            (self.path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, self.path / file)
        (self.path / ".venv").symlink_to(sys.prefix)
        self.keys: Keys = {}
        self.stage = stage
        self.callers: dict[str, str] = {}
        self.entries: list[str] = []

    def deploy(self) -> None:
        """Do what the README says, from the making of the table to the first ticket."""
        self.take_keys(self.run(step("flask init-db")))
        self.run(step("zappa deploy poc"))

    def make_keys(self) -> None:
        """Make the keys that the README makes."""
        self.take_keys(self.run("\n".join(re.findall("flask new-key .*", step("flask init-db")))))

    def take_keys(self, printed: str) -> None:
        """Keep the keys that were printed, and put their entries where the README says."""
        keys = re.findall(r"^Key.*: (\S+)$", printed, re.MULTILINE)
        entries = re.findall(r"^Entry.*: (\S+)$", printed, re.MULTILINE)
        for key, entry in zip(keys, entries, strict=True):
            self.callers[entry.split(":")[1]] = key
        self.let_in(*self.entries, *entries)

    def let_in(self, *entries: str) -> None:
        """Let the stage's `API_KEYS` be these entries."""
        self.entries = [*entries]
        file = self.path / "zappa_settings.json"
        settings = json.loads(file.read_text())
        settings[self.stage]["aws_environment_variables"]["API_KEYS"] = ",".join(entries)
        file.write_text(json.dumps(settings))

    def become_deployer(self, stage: str = "poc") -> None:
        """Become a user who has the deployer's policy of the stage, and no other."""
        (printed,) = re.findall(r"python -m deploy\.policies \S+ poc", _section())
        command = f"{printed.removesuffix('poc')}{stage} {ACCOUNT}"
        self.keys = self._aws.make_user(f"{stage}-deployer", self.run(command))

    def run(self, command: str, **environment: str) -> str:
        """Run a command there and return what it printed on stdout."""
        done = self.try_to_run(command, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to_run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, whatever comes of it."""
        with self.start(command, **environment) as process:
            stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command there, which may end in a signal."""
        own = {
            "PATH": f"{self.path}/.venv/bin{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": f"{self.path}/.venv",
            "HOME": str(self._aws.home),
            "TMPDIR": str(self._aws.home),
            "PYTHONUNBUFFERED": "1",
            "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{self._aws.port}",
            "HTTP_PROXY": self._aws.internet.url,
            "HTTPS_PROXY": self._aws.internet.url,
            "NO_PROXY": LOOPBACK,
            "REQUESTS_CA_BUNDLE": str(self._aws.internet.certificates),
        }
        return subprocess.Popen(
            ["bash", "-e", "-c", command],
            cwd=self.path,
            env={**own, **self.keys, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that is in the file, once."""
        text = (ROOT / file).read_text()
        assert text.count(old) == 1, f"{old!r} in {file}"
        (self.path / file).write_text(text.replace(old, new))

    def add_stage(self, name: str) -> None:
        """Add a stage as the README says: copy a block of the settings and change its name."""
        file = self.path / "zappa_settings.json"
        settings = json.loads(file.read_text())
        file.write_text(json.dumps({**settings, name: settings["poc"]}))


class Api:
    """A deployed API, as its callers see it. `keys` has theirs, by role."""

    def __init__(self, aws: Aws, keys: dict[str, str], stage: str = "poc") -> None:
        apis = aws.client("apigateway").get_rest_apis()["items"]
        (self.id,) = (each["id"] for each in apis if each["name"] == f"{stage}-itsm-api-handler")
        self.host = f"{self.id}.execute-api.{REGION}.amazonaws.com"
        self.url = f"https://{self.host}/{stage}"
        self.keys = keys
        self._session = aws.session()

    def request(
        self, method: str, path: str, role: str = "agent", **options: Any
    ) -> requests.Response:
        headers = {"x-api-key": self.keys[role], **options.pop("headers", {})}
        url = self.url + path
        return self._session.request(method, url, timeout=20, headers=headers, **options)

    def create(self, caller: str, description: str = "b") -> requests.Response:
        sent = {"caller_id": caller, "issue_description": description}
        return self.request("POST", "/tickets", json=sent)

    def get(self, ticket: str) -> requests.Response:
        return self.request("GET", f"/tickets/{ticket}")

    def add_comment(self, ticket: str, comment: str = "c") -> requests.Response:
        return self.request("POST", f"/tickets/{ticket}/comments", json={"comment": comment})

    def list_recent(self, caller: str) -> requests.Response:
        return self.request("GET", "/tickets", params={"caller": caller})

    def close(self) -> None:
        self._session.close()

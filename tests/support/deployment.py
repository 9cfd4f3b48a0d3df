"""A clean clone in which the tests run the README's deployment commands, and the deployed API."""

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

# The names of the resources of the stage `poc`, from the contract.
FUNCTION = "poc-itsm-api-handler"
ROLE = "poc-itsm-lambda-role"
TABLE = "poc-itsm-tickets"
LOG_GROUP = f"/aws/lambda/{FUNCTION}"
ALIAS_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}:snapstart"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
BOUNDARY_ARN = f"arn:aws:iam::{ACCOUNT}:policy/poc-itsm-boundary"


DEPLOY_DOCS = (ROOT / "docs" / "deploy.md").read_text()


def documented_commands(text: str) -> str:
    """Return the commands of the code block in docs/deploy.md that contains `text`."""
    blocks = re.findall(r"```sh\n(.*?)```", DEPLOY_DOCS, re.DOTALL)
    (commands,) = (dedent(block) for block in blocks if text in block)
    return commands


def create_table_command(stage: str = "prod") -> str:
    """Return the documented command that creates the table of another stage."""
    (found,) = re.findall(r"`(\S+ TABLE_NAME=prod\S+ flask init-db)`", DEPLOY_DOCS)
    return str(found).replace("prod", stage)


def policy_command(policy: str, stage: str) -> str:
    """Return the documented command that prints a policy, for a stage."""
    (found,) = {*re.findall(rf"python -m deploy\.policies {policy}\.json poc", DEPLOY_DOCS)}
    return f"{found.removesuffix('poc')}{stage} {ACCOUNT}"


def zappa_command(name: str) -> str:
    """Return the command `zappa {name} …` from the documented table of commands."""
    (found,) = re.findall(rf"^\| `(zappa {name} [^`]*)`", DEPLOY_DOCS, re.MULTILINE)
    return str(found)


class Clone:
    """A clean clone of this repository, used by a person with AWS keys.

    `entries` holds the entries of the stage's `API_KEYS`, and `callers` an API key for each role.
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
        """Run the documented commands from the creation of the table to the first ticket."""
        self.run_as_administrator(documented_commands("flask init-db"))
        self.create_keys()
        self.run(documented_commands("zappa deploy poc"))

    def create_keys(self) -> None:
        """Create API keys with the documented commands."""
        self.store_keys(self.run(documented_commands("flask new-key")))

    def store_keys(self, printed: str) -> None:
        """Store the printed API keys, and add their entries to the stage's settings."""
        keys = re.findall(r"^Key.*: (\S+)$", printed, re.MULTILINE)
        entries = re.findall(r"^Entry.*: (\S+)$", printed, re.MULTILINE)
        for key, entry in zip(keys, entries, strict=True):
            self.callers[entry.split(":")[1]] = key
        self.set_api_keys(*self.entries, *entries)

    def set_api_keys(self, *entries: str) -> None:
        """Set the stage's `API_KEYS` to these entries."""
        self.entries = [*entries]
        self.set_variables(API_KEYS=",".join(entries))

    def set_variables(self, **changes: str | None) -> None:
        """Change the stage's `aws_environment_variables`. None removes a variable."""
        settings = json.loads((self.path / "zappa_settings.json").read_text())
        merged = {**settings[self.stage]["aws_environment_variables"], **changes}
        variables = {name: value for name, value in merged.items() if value is not None}
        self.change_settings(aws_environment_variables=variables)

    def change_settings(self, **changes: Any) -> None:
        """Change settings of the stage in `zappa_settings.json`. None removes a setting."""
        file = self.path / "zappa_settings.json"
        settings = json.loads(file.read_text())
        merged = {**settings[self.stage], **changes}
        stage = {name: value for name, value in merged.items() if value is not None}
        file.write_text(json.dumps({**settings, self.stage: stage}))

    def become_deployer(self, stage: str = "poc") -> None:
        """Use the AWS keys of a new user who has only the deployer policy of the stage.

        As documented, an administrator creates the boundary of the function's role first.
        """
        self.create_boundary(stage)
        policy = self.run(policy_command("deployer-policy", stage))
        self.keys = self._aws.make_user(f"{stage}-deployer", policy)

    def create_boundary(self, stage: str) -> str:
        """Create the permissions boundary as documented, and return its ARN."""
        policy = self.run(policy_command("permissions-boundary", stage))
        return self._aws.make_policy(f"{stage}-itsm-boundary", policy)

    def run_as_administrator(self, command: str) -> str:
        """Run a shell command with the AWS keys of the account's administrator."""
        return self.run(command, **self._aws.root)

    def run(self, command: str, **environment: str) -> str:
        """Run a shell command in the clone and return its stdout. The command must succeed."""
        completed = self.run_unchecked(command, **environment)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    def run_unchecked(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the clone. The command may fail."""
        with self.start(command, **environment) as process:
            stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a shell command in the clone."""
        variables = {
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
            env={**variables, **self.keys, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        """Copy a file from the repository to the clone with one text replaced.

        Earlier edits of the file in the clone are lost.
        """
        text = (ROOT / file).read_text()
        assert text.count(old) == 1, f"{old!r} must occur once in {file}"
        (self.path / file).write_text(text.replace(old, new))

    def add_stage(self, name: str) -> None:
        """Add a stage as documented: copy the block `poc` of the settings and rename it."""
        file = self.path / "zappa_settings.json"
        settings = json.loads(file.read_text())
        file.write_text(json.dumps({**settings, name: settings["poc"]}))


class Api:
    """A client of a deployed API. `keys` holds an API key for each role."""

    def __init__(self, aws: Aws, keys: dict[str, str], stage: str = "poc") -> None:
        apis = aws.client("apigateway").get_rest_apis()["items"]
        self.function = f"{stage}-itsm-api-handler"
        (self.id,) = (item["id"] for item in apis if item["name"] == self.function)
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
        body = {"caller_id": caller, "issue_description": description}
        return self.request("POST", "/tickets", json=body)

    def get(self, ticket: str) -> requests.Response:
        return self.request("GET", f"/tickets/{ticket}")

    def add_comment(self, ticket: str, comment: str = "c") -> requests.Response:
        return self.request("POST", f"/tickets/{ticket}/comments", json={"comment": comment})

    def list_recent(self, caller: str) -> requests.Response:
        return self.request("GET", "/tickets", params={"caller": caller})

    def close(self) -> None:
        self._session.close()

"""Tests of the contents of the Lambda package."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import botocore
import pytest

from deploy import package

from ..support.flask_run import ROOT

pytestmark = pytest.mark.runtime


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "lambda.zip"
    package.write_zip(path)
    return path


@pytest.fixture(scope="module")
def task(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the unzipped package, as in a Lambda."""
    folder = tmp_path_factory.mktemp("task")
    zipfile.ZipFile(path).extractall(folder)
    return folder


def test_build_is_reproducible(path: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.zip"
    package.write_zip(second)
    assert second.read_bytes() == path.read_bytes()


def test_package_has_only_the_listed_top_level_names(path: Path) -> None:
    top_level = {
        name.partition("/")[0].partition(".")[0] for name in zipfile.ZipFile(path).namelist()
    }
    handlers = {"lambda_handler", "stream_handler"}
    assert top_level == {*package.PACKAGES, *handlers}


@pytest.mark.parametrize(
    "unwanted",
    [
        r"(^|/)tests?/",
        r"(^|/)bench/",
        r"(^|/)deploy/",
        r"(^|/)\.",
        r"instance/",
        r"local_",
        r"\.(zip|pem|key|env|md|toml|pyi|pyc\.\d+)$(?<!botocore/cacert\.pem)",
        r"dist-info",
        r"(boto3|typing_ext|zappa|moto|ministack|pytest|coverage|mypy|pip|dotenv)",
        r"^(?!itsm_app/(desk|openapi/viewer)/).*(?<!\.json)(?<!\.py)(?<!\.pyc)(?<!\.so)(?<!\.pem)$",
    ],
)
def test_package_has_no_unwanted_files(path: Path, unwanted: str) -> None:
    names = zipfile.ZipFile(path).namelist()
    assert [name for name in names if re.search(unwanted, name)] == []


def test_package_has_exactly_the_data_files_of_the_app(path: Path) -> None:
    """These are all data files in itsm_app except those for developers and of `flask` commands."""
    names = {name for name in zipfile.ZipFile(path).namelist() if name.startswith("itsm_app/")}
    files = {file for file in (ROOT / "itsm_app").rglob("*") if file.is_file()}
    data = {str(file.relative_to(ROOT)) for file in files if file.suffix not in (".py", ".pyc")}
    packaged = {name for name in names if not name.endswith((".py", ".pyc"))}
    assert packaged == data - {
        "itsm_app/commands/demo_tickets.json",
        "itsm_app/openapi/viewer/README.md",
    }


def test_package_has_no_text_that_looks_like_a_secret(path: Path) -> None:
    archive = zipfile.ZipFile(path)
    secret = re.compile(rb"AKIA[0-9A-Z]{16}|PRIVATE KEY-----|aws_secret_access_key\s*=\s*['\"]")
    assert [name for name in archive.namelist() if secret.search(archive.read(name))] == []


def test_package_has_at_most_3_mb(path: Path) -> None:
    assert path.stat().st_size <= 3_000_000


# The app uses this variable to detect that it runs in a Lambda ("Defined runtime environment
# variables" in the AWS Lambda guide).
LAMBDA_ENVIRONMENT = {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"}


@pytest.mark.parametrize(
    ("handler", "loaded"), [("lambda_handler", "tickets"), ("stream_handler", "stream_handler")]
)
def test_unzipped_package_needs_no_compilation(task: Path, handler: str, loaded: str) -> None:
    command = f"import sys; sys.path[:0] = [sys.argv[1]]; import {handler}"
    # -v prints the origin of each module. -S hides the installed packages.
    result = subprocess.run(
        [sys.executable, "-E", "-S", "-v", "-c", command, task],
        env=LAMBDA_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stderr.splitlines() if str(task) in line]
    assert any("code object from" in line and loaded in line for line in lines)
    assert [line for line in lines if "wrote" in line or re.search(r"from .*\.py'?$", line)] == []


def test_third_party_packages_have_the_pinned_versions() -> None:
    required = (ROOT / "requirements.txt").read_text()
    for name in package.PACKAGES - {package.APP}:
        pattern = rf"^((?:python-)?{name.replace('_', '[-_]')})==(\S+)"
        pins = re.findall(pattern, required, re.MULTILINE)
        assert [(pinned, version(pinned)) for pinned, _ in pins] == pins != [], name


def test_handler_loads_all_modules_before_the_first_request(task: Path) -> None:
    command = (
        "import sys, gc; sys.path[:0] = [sys.argv[1]]; import lambda_handler;"
        "from itsm_app.storage.models import Ticket;"
        "client = Ticket.connection().connection._client;"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000, client is not None)"
    )
    printed = subprocess.check_output(
        [sys.executable, "-E", "-S", "-c", command, task], env=LAMBDA_ENVIRONMENT, text=True
    )
    assert printed == "True True True\n"


def test_bytecode_is_never_checked_against_its_source(task: Path) -> None:
    """The second word of a .pyc is 0b01 for unchecked and 0b11 for checked hashes (PEP 552)."""
    flags = {path.read_bytes()[4:8] for path in task.rglob("*.pyc")}
    assert flags == {b"\x01\0\0\0"}


def test_contains_the_complete_certificate_bundle_of_botocore(task: Path) -> None:
    bundle = Path(botocore.__file__).with_name("cacert.pem")
    assert (task / "botocore/cacert.pem").read_bytes() == bundle.read_bytes()


def test_rejects_other_python_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(RuntimeError, match="The Lambda runs Python"):
        package.write_zip(tmp_path / "lambda.zip")

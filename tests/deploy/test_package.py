"""The Lambda's zip: what is in it, and what must never be."""

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
    """The folder that Lambda would unzip it to."""
    folder = tmp_path_factory.mktemp("task")
    zipfile.ZipFile(path).extractall(folder)
    return folder


def test_the_same_commit_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    package.write_zip(again)
    assert again.read_bytes() == path.read_bytes()


def test_nothing_is_in_it_that_is_not_on_the_list(path: Path) -> None:
    tops = {name.partition("/")[0].partition(".")[0] for name in zipfile.ZipFile(path).namelist()}
    assert tops == {*package.PACKAGES, "lambda_handler", "__pycache__"}


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
def test_it_holds_no_(path: Path, unwanted: str) -> None:
    names = zipfile.ZipFile(path).namelist()
    assert [name for name in names if re.search(unwanted, name)] == []


def test_it_holds_what_the_app_reads_and_no_other_data(path: Path) -> None:
    """All that lies beside our code, but notes for whoever works on it."""
    names = {each for each in zipfile.ZipFile(path).namelist() if each.startswith("itsm_app/")}
    files = {file for file in (ROOT / "itsm_app").rglob("*") if file.is_file()}
    beside = {str(file.relative_to(ROOT)) for file in files if file.suffix not in (".py", ".pyc")}
    carried = {name for name in names if not name.endswith((".py", ".pyc"))}
    assert carried == beside - {"itsm_app/openapi/viewer/README.md"}


def test_what_looks_like_a_secret_is_not_in_it(path: Path) -> None:
    archive = zipfile.ZipFile(path)
    secret = re.compile(rb"AKIA[0-9A-Z]{16}|PRIVATE KEY-----|aws_secret_access_key\s*=\s*['\"]")
    assert [name for name in archive.namelist() if secret.search(archive.read(name))] == []


def test_it_is_small(path: Path) -> None:
    assert path.stat().st_size <= 3_000_000


# "Defined runtime environment variables" in the AWS Lambda guide: by this the app knows its place.
IN_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"}


def test_no_module_is_compiled_again_once_unzipped(task: Path) -> None:
    command = "import sys; sys.path[:0] = [sys.argv[1]]; import lambda_handler"
    # -v says for each module where its code comes from; -S: nothing else that is installed.
    result = subprocess.run(
        [sys.executable, "-E", "-S", "-v", "-c", command, task],
        env=IN_LAMBDA,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stderr.splitlines() if str(task) in line]
    assert any("code object from" in line and "tickets" in line for line in lines)
    assert [line for line in lines if "wrote" in line or re.search(r"from .*\.py'?$", line)] == []


def test_its_third_party_code_is_what_is_pinned() -> None:
    required = (ROOT / "requirements.txt").read_text()
    for name in package.PACKAGES - {package.OURS}:
        pattern = rf"^((?:python-)?{name.replace('_', '[-_]')})==(\S+)"
        pins = re.findall(pattern, required, re.MULTILINE)
        assert [(each, version(each)) for each, _ in pins] == pins != [], name


def test_all_is_loaded_before_the_first_request(task: Path) -> None:
    command = (
        "import sys, gc; sys.path[:0] = [sys.argv[1]]; import lambda_handler;"
        "from itsm_app.storage.models import Ticket;"
        "client = Ticket.connection().connection._client;"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000, client is not None)"
    )
    printed = subprocess.check_output(
        [sys.executable, "-E", "-S", "-c", command, task], env=IN_LAMBDA, text=True
    )
    assert printed == "True True True\n"


def test_no_byte_code_is_checked_against_its_source(task: Path) -> None:
    """The second word of a .pyc: 0b01 for by hash, 0b11 for by hash and checked (PEP 552)."""
    flags = {path.read_bytes()[4:8] for path in task.rglob("*.pyc")}
    assert flags == {b"\x01\0\0\0"}


def test_contains_the_complete_certificate_bundle_of_botocore(task: Path) -> None:
    bundle = Path(botocore.__file__).with_name("cacert.pem")
    assert (task / "botocore/cacert.pem").read_bytes() == bundle.read_bytes()


def test_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(RuntimeError, match="The Lambda runs Python"):
        package.write_zip(tmp_path / "lambda.zip")

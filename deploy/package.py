"""The Lambda's zip: lean, from an allow-list, and the same bytes for the same commit.

Zappa makes an empty one (`exclude` takes everything out) and its `zip` callback fills it by this.
"""

from __future__ import annotations

import ast
import json
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.machinery import PathFinder
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path

import botocore

from .service_model import botocore_data

ROOT = Path(__file__).parent.parent
HANDLER = ROOT / "deploy" / "lambda_handler.py"
OURS = "itsm_app"
# Whose modules may be in the zip, where an import leads to them. All else that is installed stays
# out: optional helpers of these that the Lambda does without, and everything for development.
PACKAGES = {
    OURS,
    "apig_wsgi",
    "blinker",
    "botocore",
    "click",
    "dateutil",
    "flask",
    "itsdangerous",
    "jinja2",
    "jmespath",
    "markupsafe",
    "msgspec",
    "pynamodb",
    "six",
    "urllib3",
    "werkzeug",
}
# Those of them with modules that are compiled for a platform.
EXTENSIONS = ("markupsafe", "msgspec")
# What our modules read, beside their code; licences go with what they are for.
DATA = (
    "desk/static/*",
    "desk/templates/*",
    "openapi/openapi.json",
    "openapi/viewer/LICENSE",
    "openapi/viewer/NOTICE",
    "openapi/viewer/index.html",
    "openapi/viewer/init.js",
    "openapi/viewer/swagger-ui-bundle.js.LICENSE.txt",
    "openapi/viewer/swagger-ui-bundle.js.xz",
    "openapi/viewer/swagger-ui.css.xz",
)
# Where Lambda unzips it: "Lambda execution environment" in the AWS Lambda guide.
TASK_ROOT = "/var/task"
# What those import where the Lambda never comes: commands, terminals, debuggers, browsers, Windows.
UNUSED = {
    "botocore.crt.auth",
    "click._termui_impl",
    "click._textwrap",
    "click._winconsole",
    "click.shell_completion",
    "click.testing",
    "dateutil.rrule",
    "dateutil.tz.win",
    "dateutil.zoneinfo",
    "flask.debughelpers",
    "flask.testing",
    "itsm_app.commands",
    "jinja2.ext",
    "jinja2.sandbox",
    "urllib3.contrib.emscripten",
    "urllib3.contrib.pyopenssl",
    "urllib3.http2.connection",
    "werkzeug._reloader",
    "werkzeug.debug",
    "werkzeug.middleware",
}
EPOCH = (1980, 1, 1, 0, 0, 0)


def check_python() -> None:
    """Raise `RuntimeError` on another Python than the Lambda's, which cannot compile for it."""
    if sys.version_info[:2] != (3, 12):
        raise RuntimeError("The Lambda runs Python 3.12: run zappa with that one.")


def write_zip(path: Path) -> None:
    """Write the zip for the Lambda to `path`. Raises `RuntimeError` as `check_python` does."""
    check_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path_in_zip, source in {**closure(), **data()}.items():
            target = folder / path_in_zip
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            use_linux_extensions(folder)
        _add_botocore_data(folder / "botocore")
        _compile(folder)
        _zip(folder, path)


def closure() -> dict[str, Path]:
    """Return what the handler imports, at any depth and however late: path in the zip, and file.

    And what is read from beside a module of ours.
    """
    found = {f"{OURS}/{file.name}": file for file in (ROOT / OURS).glob("*.json")}
    waiting = [("lambda_handler", HANDLER)]
    while waiting:
        module, file = waiting.pop()
        folder = module.replace(".", "/") if file.stem == "__init__" else module.rpartition(".")[0]
        place = f"{folder.replace('.', '/')}/{file.name}".removeprefix("/")
        if place not in found:
            found[place] = file
            names = _imported(module, file) if file.suffix == ".py" else set()
            waiting += [(name, path) for name in names if (path := _file(name))]
    return found


def data() -> dict[str, Path]:
    """Return what our modules read: path in the zip, and file."""
    files = [file for pattern in DATA for file in (ROOT / OURS).glob(pattern)]
    return {file.relative_to(ROOT).as_posix(): file for file in files}


def use_linux_extensions(folder: Path) -> None:
    """Replace the extension modules in `folder` by those for the Lambda, with `pip`."""
    for extension in [*folder.rglob("*.so"), *folder.rglob("*.pyd")]:
        extension.unlink()
    wanted = [f"{name}=={version(name)}" for name in EXTENSIONS]
    with tempfile.TemporaryDirectory() as name:
        target = (
            "--target",
            name,
            "--platform",
            "manylinux2014_x86_64",
            "--python-version",
            "3.12",
        )
        command = ["pip", "install", "-q", "--no-deps", "--only-binary=:all:", *target, *wanted]
        subprocess.run([sys.executable, "-m", *command], check=True)
        for extension in Path(name).rglob("*.so"):
            shutil.copyfile(extension, folder / extension.relative_to(name))


def _imported(module: str, file: Path) -> set[str]:
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}


def _file(module: str) -> Path | None:
    top, *below = module.split(".")
    if top not in PACKAGES or any(f"{module}.".startswith(f"{each}.") for each in UNUSED):
        return None
    spec = PathFinder.find_spec(top, [str(ROOT), *sys.path])
    for part in below:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(part, spec.submodule_search_locations)
    return Path(spec.origin) if spec and spec.origin else None


def _add_botocore_data(folder: Path) -> None:
    for name, content in botocore_data().items():
        file = folder / "data" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, separators=(",", ":")))
    shutil.copyfile(Path(botocore.__file__).parent / "cacert.pem", folder / "cacert.pem")


def _compile(folder: Path) -> None:
    # Lambda's clock and Python's differ from ours: byte code that is compared with a source's time
    # would be made anew at each cold start. It goes without documentation; theirs also without its
    # source, which is half of its size; ours keeps that, for the lines in a stack.
    for source in sorted(folder.rglob("*.py")):
        place = source.relative_to(folder)
        ours = place.parts[0] in (OURS, HANDLER.name)
        cached = cache_from_source(str(source), optimization="") if ours else f"{source}c"
        py_compile.compile(
            str(source),
            cached,
            f"{TASK_ROOT}/{place}",
            doraise=True,
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not ours:
            source.unlink()


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)

"""Build the zip of the Lambda functions.

The zip contains only the modules that the handlers import, and the same commit gives the same
bytes. Zappa creates an empty zip (`exclude` in `zappa_settings.json`), and the callback `zip`
replaces it.
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
from pathlib import Path

import botocore

from .service_model import botocore_data

ROOT = Path(__file__).parent.parent
HANDLERS = [ROOT / "deploy" / name for name in ("lambda_handler.py", "stream_handler.py")]
APP = "itsm_app"
# The packages whose modules are in the zip if a handler imports them. Other installed packages
# are optional dependencies that the Lambda does not need, or development tools.
PACKAGES = {
    APP,
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
# The packages of these with extension modules, which are compiled for one platform.
EXTENSIONS = ("markupsafe", "msgspec")
# The files that the app reads, and the licenses of the viewer.
DATA_FILES = (
    "desk/static/*",
    "desk/templates/*",
    "openapi/openapi.json",
    "openapi/viewer/LICENSE",
    "openapi/viewer/NOTICE",
    "openapi/viewer/index.html",
    "openapi/viewer/init.js",
    "openapi/viewer/swagger-ui-bundle.js.LICENSE.txt",
    "openapi/viewer/swagger-ui-bundle.js.gz",
    "openapi/viewer/swagger-ui.css.gz",
)
# The folder to which Lambda unzips the package ("Lambda execution environment" in the AWS Lambda
# guide).
TASK_ROOT = "/var/task"
# Modules that the packages import only for commands, terminals, debuggers, browsers, Windows or the
# embedded DynamoDB.
UNUSED_MODULES = {
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
    "itsm_app.changes.embedded",
    "itsm_app.commands",
    "itsm_app.local",
    "jinja2.ext",
    "jinja2.sandbox",
    "urllib3.contrib.emscripten",
    "urllib3.contrib.pyopenssl",
    "urllib3.http2.connection",
    "werkzeug._reloader",
    "werkzeug.debug",
    "werkzeug.middleware",
}
# The earliest time that a zip can contain. Every entry has it, so that the bytes do not change.
EPOCH = (1980, 1, 1, 0, 0, 0)


def check_python() -> None:
    """Raise `RuntimeError` if this Python cannot compile byte code for the Lambda's Python 3.12."""
    if sys.version_info[:2] != (3, 12):
        raise RuntimeError("The Lambda runs Python 3.12. Run zappa with Python 3.12.")


def write_zip(path: Path) -> None:
    """Write the zip of the Lambda functions to `path`. Raise `RuntimeError` as `check_python`."""
    check_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path_in_zip, source in {**module_files(), **data_files()}.items():
            target = folder / path_in_zip
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            use_linux_extensions(folder)
        _add_botocore_data(folder / "botocore")
        _compile(folder)
        _zip(folder, path)


def module_files() -> dict[str, Path]:
    """Return the files of all modules that the handlers import, by path in the zip.

    Indirect imports and imports inside of functions count too.
    """
    files: dict[str, Path] = {}
    waiting = [(handler.stem, handler) for handler in HANDLERS]
    while waiting:
        module, file = waiting.pop()
        folder = module.replace(".", "/") if file.stem == "__init__" else module.rpartition(".")[0]
        path_in_zip = f"{folder.replace('.', '/')}/{file.name}".removeprefix("/")
        if path_in_zip not in files:
            files[path_in_zip] = file
            names = _imports(module, file) if file.suffix == ".py" else set()
            waiting += [(name, path) for name in names if (path := _find_file(name))]
    return files


def data_files() -> dict[str, Path]:
    """Return the files that the app reads, by path in the zip."""
    files = [file for pattern in DATA_FILES for file in (ROOT / APP).glob(pattern)]
    return {file.relative_to(ROOT).as_posix(): file for file in files}


def use_linux_extensions(folder: Path) -> None:
    """Replace the extension modules in `folder` with those for the Lambda. `pip` downloads them."""
    for extension in [*folder.rglob("*.so"), *folder.rglob("*.pyd")]:
        extension.unlink()
    requirements = [f"{name}=={version(name)}" for name in EXTENSIONS]
    with tempfile.TemporaryDirectory() as name:
        target = (
            "--target",
            name,
            "--platform",
            "manylinux2014_x86_64",
            "--python-version",
            "3.12",
        )
        options = ["-q", "--no-deps", "--only-binary=:all:", *target]
        command = [sys.executable, "-m", "pip", "install", *options, *requirements]
        subprocess.run(command, check=True)
        for extension in Path(name).rglob("*.so"):
            shutil.copyfile(extension, folder / extension.relative_to(name))


def _imports(module: str, file: Path) -> set[str]:
    """Return the names that a module imports, with their parent packages.

    `from a import b` counts as `a` and `a.b`, because `b` can be a module.
    """
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}


def _find_file(module: str) -> Path | None:
    top, *parts = module.split(".")
    is_unused = any(f"{module}.".startswith(f"{unused}.") for unused in UNUSED_MODULES)
    if top not in PACKAGES or is_unused:
        return None
    spec = PathFinder.find_spec(top, [str(ROOT), *sys.path])
    for part in parts:
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
    """Replace each source file by its byte code, as Zappa does if both exist.

    The source files would be half of the size. Stack traces keep files and line numbers.
    """
    # By default, byte code is invalid if the time of its source changes, as it does in the zip.
    # Each cold start would then compile every module: 0.9 s instead of 0.4 s to load the app.
    # `optimize=2` leaves out docstrings.
    for source in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(source),
            f"{source}c",
            f"{TASK_ROOT}/{source.relative_to(folder)}",
            doraise=True,
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        source.unlink()


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)

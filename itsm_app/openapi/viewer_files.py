"""The files of the API viewer at `/docs`: Swagger UI, stored in `viewer/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("viewer")
# By name in the URL: the name of the file, and its media type. The page itself has no name, so that
# its relative links also work below the path of an API Gateway stage.
FILES = {
    "": ("index.html", "text/html"),
    "init.js": ("init.js", "text/javascript"),
    "swagger-ui-bundle.js": ("swagger-ui-bundle.js.xz", "text/javascript"),
    "swagger-ui.css": ("swagger-ui.css.xz", "text/css"),
}


@cache
def content(file: str) -> bytes:
    """Return the content of a file, decompressed. The file is read at the first call."""
    stored = (FOLDER / file).read_bytes()
    if not file.endswith(".xz"):
        return stored
    # Imported here, so that in a Python without lzma only the viewer does not work.
    import lzma

    return lzma.decompress(stored)

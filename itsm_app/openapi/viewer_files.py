"""The files of the API viewer at `/docs`: Swagger UI, stored in `viewer/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("viewer")
COMPRESSED = ".gz"
# By name in the URL: the name of the file, and its media type. The page itself has no name, so that
# its relative links also work below the path of an API Gateway stage.
FILES = {
    "": ("index.html", "text/html"),
    "init.js": ("init.js", "text/javascript"),
    "swagger-ui-bundle.js": ("swagger-ui-bundle.js.gz", "text/javascript"),
    "swagger-ui.css": ("swagger-ui.css.gz", "text/css"),
}


@cache
def stored_content(file: str) -> bytes:
    """Return a file as it is stored. The file is read at the first call."""
    return (FOLDER / file).read_bytes()


@cache
def content(file: str) -> bytes:
    """Return the content of a file, decompressed."""
    stored = stored_content(file)
    if not file.endswith(COMPRESSED):
        return stored
    # Imported here, so that a cold start does not load it.
    import gzip

    return gzip.decompress(stored)

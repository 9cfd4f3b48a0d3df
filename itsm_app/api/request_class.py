"""The class of the requests of the app."""

from __future__ import annotations

from string import punctuation
from urllib.parse import parse_qsl, quote

import flask
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.utils import cached_property


class Request(flask.Request):
    """A request whose `args` can be read whatever bytes the query contains."""

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:
        """Return the parameters of the query. Bytes that are not UTF-8 stay percent-encoded.

        Werkzeug's own `args` do the same, but raise an error if the client did not encode such a
        byte. Some servers pass it on.
        """
        query = quote(self.query_string, safe=punctuation)
        pairs = parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote")
        return ImmutableMultiDict(pairs)

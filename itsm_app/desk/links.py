"""Make links of the addresses, ticket numbers and phone numbers in texts.

The texts come from callers and can contain anything. Only `http`, `https`, `mailto` and `tel` links
are made, and every character of the text is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

from flask import url_for
from markupsafe import Markup, escape

from ..tickets import numbers
from ..tickets.errors import MisheardNumber

# Scripts that are written without spaces, or whose particles follow a word without a space: Thai to
# Myanmar, Khmer, and the scripts of Chinese, Japanese and Korean. An address ends before them.
NO_SPACES = r"\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef"
URL_END = rf"(?![{NO_SPACES}])"
PATTERNS = {
    # A domain name can have letters of many scripts. A link never has a user name, which could look
    # like another domain.
    "url": rf"(?<![A-Za-z0-9])https?://(?=\w)(?>(?:{URL_END}[\w.-])+)(?::\d{{1,5}})?(?!@)"
    rf"(?:[/?#](?:{URL_END}[\w\-.~:/?#\[\]@!$&'()*+,;=%])*)?",
    "email": r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}"
    r"[A-Za-z]{2,63}(?![A-Za-z0-9-])",
    "ticket": r"(?<![A-Za-z0-9])(?<!\d)(?<!\d[-.])(?<!\+)"
    r"\d{4}(?P<dash>[-\u2010-\u2015 ]?)\d{4}(?P=dash)\d{4}"
    r"(?![A-Za-z0-9]|[-.]?\d)",
    # A number with a country code, a national number that begins with 0, or a number in the form of
    # North America. Dates have the same shape as national numbers.
    "phone": r"(?<![A-Za-z0-9+])(?<!\d)(?<!\d[-.:])"
    r"(?:(?:\+|00)[1-9](?:(?:[ \u00a0()]|[.\-/](?=\d)){0,2}\d){6,14}"
    r"|(?!\d{1,2}(?P<date>[./-])\d{1,2}(?P=date))\(?0[1-9]"
    r"(?:(?:[ \u00a0()]|[\-/](?=\d)){0,2}\d){7,9}"
    r"|(?:\(\d{3}\)\ ?|\d{3}[-.])\d{3}[-.]\d{4})"
    r"(?![A-Za-z0-9]|[-.:]?\d)",
}
TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items()))
# Punctuation at the end of an address belongs to the sentence.
SENTENCE_END = ".,;:!?'*"
BRACKETS = {")": "(", "]": "["}


def linked(text: str) -> Markup:
    """Return a text as HTML, with links."""
    parts, end = [], 0
    for found in TOKEN.finditer(text):
        kind = str(found.lastgroup)
        shown = _without_sentence_end(found[0]) if kind == "url" else found[0]
        parts += [escape(text[end : found.start()]), _link(kind, shown)]
        end = found.start() + len(shown)
    return Markup("").join([*parts, escape(text[end:])])


def _link(kind: str, shown: str) -> Markup:
    if kind == "url":
        attributes = Markup('rel="noopener noreferrer" target="_blank"')
        return Markup('<a href="{}" {}>{}</a>').format(shown, attributes, shown)
    if kind == "email":
        return Markup('<a class="whole" href="mailto:{}">{}</a>').format(shown, shown)
    if kind == "ticket":
        with suppress(MisheardNumber):
            url = url_for("desk.show_ticket", ticket_id=numbers.to_ticket_id(shown))
            return Markup('<a class="whole" href="{}">{}</a>').format(url, shown)
        return escape(shown)
    return Markup('<a class="whole" href="tel:{}">{}</a>').format(_dialled(shown), shown)


def _dialled(shown: str) -> str:
    digits = (str(unicodedata.decimal(each)) for each in shown if each.isdecimal())
    return ("+" if shown.startswith("+") else "") + "".join(digits)


def _without_sentence_end(url: str) -> str:
    while url[-1] in SENTENCE_END or _is_unbalanced(url):
        url = url[:-1]
    return url


def _is_unbalanced(url: str) -> bool:
    opening = BRACKETS.get(url[-1])
    return opening is not None and url.count(url[-1]) > url.count(opening)

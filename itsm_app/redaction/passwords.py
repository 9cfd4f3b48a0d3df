"""Find passwords and PINs after phrases such as "my password is", in English and German.

A phrase is a label ("password"), perhaps words that describe the password ("for the VPN"), and a
connector ("is" or a colon). The value follows. Each part of a phrase has a limited length, so the
time is linear in the length of the text.
"""

from __future__ import annotations

import re
from itertools import islice

from .card_numbers import DIGIT_WORDS, REPEATS
from .card_numbers import REPLACEMENT as CARD

REPLACEMENT = "[password]"

# A German word can end with the label: "WLAN-Passwort", "Benutzerkennwort".
LABEL = (
    r"(?!(?<=\[)password\])"
    r"(?:pass[ -]?(?:word|phrase|code)s?|passwort|passwörter|kennwort|passwd|zugangscode"
    r"|(?<![^\W_])(?:pwd|pw)"
    r"|(?<![^\W_])(?P<pin>(?:pin|geheimzahl)(?:[ -]?(?:code|number|nummer))?))(?![^\W_])"
)
DESCRIPTION = (
    r"(?:\s{1,3}(?:for|of|to|on|at|für|fuer|von|vom|zum|zu|zur|am|im|bei)"
    r"(?:\s{1,3}[^\s\[\]:=]{1,40}){1,4}?)?"
)
VERB = (
    r"(?:(?<=\s)(?:is|was|equals|(?:will|should)\s{1,3}be"
    r"|ist|war|lautete?|heißt|heisst|wäre|wird)|['\u2019]s)(?!\w)"
    r"(?:\s{1,3}(?:now|still|currently|actually|just|jetzt|noch|immer|aktuell|nun)(?!\w)){0,2}"
    r"\s{0,3}(?::|(?=\s|[\"'“„«`]))"
)
PHRASE = re.compile(
    rf"(?P<label>{LABEL})(?:{DESCRIPTION}[\"']?\s{{0,3}}"
    rf"(?:(?P<equals>:?=>?)|(?P<verb>:|->|→|{VERB})|(?<=\s)(?:to|auf|in)(?=\s))|(?=\s))\s{{0,8}}",
    re.IGNORECASE,
)
IS_LABEL = re.compile(LABEL, re.IGNORECASE)
QUOTED = re.compile(
    r"\"[^\"\n]{1,200}\"|'[^'\n]{1,200}'|“[^”\n]{1,200}”|„[^“”\n]{1,200}[“”]|«[^»\n]{1,200}»"
    r"|`[^`\n]{1,200}`"
)
TOKEN = re.compile(r"\S+")
# The beginning of a token is enough to tell what the token is.
HEAD = re.compile(r"\S{1,200}")
PUNCTUATION = ".,;:?)"
MARK = re.compile(rf"(?:{re.escape(REPLACEMENT)}|{re.escape(CARD)})\W*")
MIN_PIN_DIGITS = 3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words after "is" that say something about the password.
STATEMENTS = _words(
    """
    a about accepted again all already always an and any as asked at because been being blocked
    broken but by cached case changed checked compromised correct declined denied different disabled
    due empty ending entered exactly expired expiring exposed failing false fine for forgotten from
    getting giving gone good hard hidden how identical if ignored in incorrect insecure invalid it
    known leaked locked longer lost me mine missing my needed never new no none not nowhere null of
    off ok okay old on only or our out outdated over posted printed probably public ready refused
    rejected required requested reset resetting right safe same saved secret secure sent set shared
    short shown simply so something stolen stored strong stuck supposed temporary that the their
    there this to too unchanged unclear under unknown unsafe unset valid very visible weak what
    when where which who why with without working written wrong your

    abgelaufen abgelehnt aber akzeptiert als auch aus bekannt bei bereits blockiert da das dasselbe
    dass defekt deaktiviert dem den der die ein eine einen er es falsch für gar geändert geheim
    gelöscht gesperrt gespeichert gestern geworden gleich gültig heute hier ich ihm im inkorrekt
    ja kaputt kein keine klar korrekt kurz lang leer leider mehr mein meine mir mit nach nicht nie
    nirgends notwendig nötig nur ob oder ok plötzlich richtig schon schwach sehr seit sicher so
    stark unbekannt und ungültig unklar unsicher unverändert vergessen verloren verschwunden vom
    von vor was weg weil weiter welches wie wieder wo zu zum zur zurückgesetzt über
    """
)
# Words that say how to write the next character, and names of characters.
SPELLING = _words(
    """
    capital uppercase upper lowercase lower big small
    groß gross großes grosses großer klein kleines kleiner
    """
)
CHARACTER_NAMES = _words(
    """
    dash hyphen underscore dot period hash hashtag star asterisk slash dollar percent ampersand
    exclamation mark question sign plus minus strich bindestrich unterstrich punkt raute stern
    ausrufezeichen fragezeichen schrägstrich prozent
    """
)
# One letter, but usually a word.
SHORT_WORDS = frozenset({"a", "i"})
MAX_TOKENS = 40

# What follows a label without a connector is a password only if it looks like one: letters and
# digits, or digits that are no year.
LOOKS_LIKE_PASSWORD = re.compile(
    r"(?!\d{1,2}[:.]\d\d)(?=\S*\d)(?=\S*[^\W\d_])\S{6,}|(?!(?:19|20)\d\d$)\d{4,}"
)


def replace(text: str) -> str:
    """Return the text with `[password]` in place of each password."""
    parts, done, position = [], 0, 0
    while phrase := PHRASE.search(text, position):
        span = _value_span(text, phrase)
        if span is None:
            # Another phrase can begin after the label.
            position = phrase.end("label")
        else:
            parts += [text[done : span[0]], REPLACEMENT]
            done = position = span[1]
    return "".join([*parts, text[done:]])


def _value_span(text: str, phrase: re.Match[str]) -> tuple[int, int] | None:
    """Return the place of the password after a phrase, or None if no password follows."""
    start = phrase.end()
    if quoted := QUOTED.match(text, start):
        value = quoted[0][1:-1]
        is_value = not MARK.fullmatch(value) and (
            _has_connector(phrase) or _looks_like_password(value)
        )
        return (start + 1, quoted.end() - 1) if is_value else None
    head = HEAD.match(text, start)
    if head is None or not _is_value(phrase, _bare(head[0]), _next_word(text, head.end())):
        return None
    # "Password:" in an empty form, and the next field in the next line.
    if "\n" in phrase[0] and head[0].endswith(":"):
        return None
    return start, _spoken_end([*islice(TOKEN.finditer(text, start), MAX_TOKENS)])


def _has_connector(phrase: re.Match[str]) -> bool:
    return phrase["verb"] is not None or phrase["equals"] is not None


def _is_value(phrase: re.Match[str], value: str, next_word: str) -> bool:
    """Return whether the word after a phrase is a password or the beginning of one."""
    word = value.casefold()
    if not word or MARK.fullmatch(value) or IS_LABEL.fullmatch(value):
        return False
    if phrase["pin"] is not None:
        digits = sum(each.isdecimal() for each in word)
        is_spelled = _is_digit(word) and _is_digit(next_word)
        if digits < MIN_PIN_DIGITS and not is_spelled:
            return False
        return _has_connector(phrase) or is_spelled or _looks_like_password(value)
    if phrase["equals"] is not None:
        return True
    if phrase["verb"] is None:
        return _looks_like_password(value)
    return word not in STATEMENTS or (word in SHORT_WORDS and _is_spoken(next_word))


def _looks_like_password(value: str) -> bool:
    return LOOKS_LIKE_PASSWORD.fullmatch(value) is not None


def _spoken_end(tokens: list[re.Match[str]]) -> int:
    """Return the end of a password that can be spelled: "capital h u n t e r two"."""
    words = [_bare(token[0]).casefold() for token in tokens]
    is_spelled = _is_spoken(words[0])
    last = 0
    for i, word in enumerate(words[1:], 1):
        before, after = words[i - 1], (words[i + 1 : i + 2] or [""])[0]
        if tokens[i - 1][0][-1] in ".;!?" or MARK.fullmatch(word):
            break
        if word in SHORT_WORDS:
            is_part = _is_spoken(after) or (is_spelled and len(before) == 1 and before.isalpha())
        elif _is_spoken(word):
            is_part = True
        else:
            # An ordinary word in the middle: "capital h unter two".
            is_inside = before in SPELLING or (_is_spoken(after) and after not in SHORT_WORDS)
            is_part = is_spelled and is_inside and word not in STATEMENTS
        if not is_part:
            break
        last = i
    return tokens[last].start() + len(_bare(tokens[last][0]))


def _is_spoken(word: str) -> bool:
    """Return whether a word stands for one character or a number, or says how to write one."""
    is_name = word in SPELLING or word in CHARACTER_NAMES
    return is_name or word in REPEATS or _is_digit(word) or (len(word) == 1 and word.isalnum())


def _is_digit(word: str) -> bool:
    return word in REPEATS or word in DIGIT_WORDS or word.isdecimal()


def _next_word(text: str, position: int) -> str:
    head = HEAD.search(text, position)
    return _bare(head[0]).casefold() if head else ""


def _bare(token: str) -> str:
    """Return a token without the punctuation of the sentence after it."""
    return token.rstrip(PUNCTUATION)

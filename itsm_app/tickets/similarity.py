"""How similar two short texts are, by their words: no model, no dictionary."""

from __future__ import annotations

import re
import unicodedata

# Texts at least this similar can describe the same problem. `bench.similarity` measures it with 140
# labelled pairs: precision 0.93 and recall 0.77 in the half that chose the threshold, 0.96 and 0.69
# in the other half.
THRESHOLD = 0.72
# Longer texts are cut, which bounds the time. The problem is at the beginning.
MAX_CHARACTERS = 200
# Words that most tickets have, or that say only that something fails. With them, no threshold below
# 0.88 has a precision of 0.9.
_COMMON = """
    a again am an and any anymore are at be can cannot did do does for from has have hello hi i in
    is it me more my need no not of on or please s since so t the to was when with
    auf bei beim bitte das dem den der die ein eine für ich im in ist kein keine mehr mein meine
    mich nicht und von zu
    de el en het il je l la le les los ma mi mijn mon n ne nie niet no non pas plus si un une
    в мой не
"""
COMMON_WORDS = frozenset(_COMMON.split())


def trigrams(text: str) -> frozenset[str]:
    """Return the groups of three characters in the words of a text, without common words.

    Trigrams also match words with a typo or another ending, in any alphabet. Only the first
    `MAX_CHARACTERS` characters count. A text of common words only keeps them.
    """
    normal = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    words = set(re.findall(r"\w+", normal))
    padded = [f" {word} " for word in words - COMMON_WORDS or words]
    # A set comprehension takes less time than a generator.
    return frozenset({word[at : at + 3] for word in padded for at in range(len(word) - 2)})


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Return how similar two texts are: 0 if they share nothing, 1 if their words are the same.

    The result is the mean of the Dice coefficient and the overlap coefficient, so that a longer
    report of the same problem stays similar.

    Args:
        a: The trigrams of one text.
        b: The trigrams of the other text.
    """
    if not a or not b:
        return 0.0
    shared = len(a & b)
    return (2 * shared / (len(a) + len(b)) + shared / min(len(a), len(b))) / 2

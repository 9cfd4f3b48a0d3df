"""Measures how well the similarity of texts finds duplicates, with labelled pairs.

    .venv/bin/python -m bench.similarity

The even pairs are used to choose the measure and the threshold, the odd pairs to check the choice.
A wrong duplicate costs a needless question to the caller, so the precision must be at least 0.9.
"""

from __future__ import annotations

import json
import re
import timeit
import unicodedata
from collections.abc import Callable
from pathlib import Path

from itsm_app.tickets import possible_duplicates, similarity

PAIRS = json.loads((Path(__file__).parent / "similarity_pairs.json").read_text("utf-8"))
THRESHOLDS = [0.5, 0.6, 0.66, 0.68, 0.7, 0.72, 0.74, 0.76, 0.8, 0.88]
Measure = Callable[[str, str], float]


def words(text: str) -> frozenset[str]:
    """Return the words of a text, without common words."""
    found = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return frozenset(found) - similarity.COMMON_WORDS


def all_trigrams(text: str) -> frozenset[str]:
    """Return the trigrams of a text, with common words."""
    padded = [f" {each} " for each in re.findall(r"\w+", text.casefold())]
    return frozenset(each[at : at + 3] for each in padded for at in range(len(each) - 2))


def by(features: Callable[[str], frozenset[str]]) -> Measure:
    """Return a measure that compares these features."""
    return lambda a, b: similarity.similarity(features(a), features(b))


def dice(a: str, b: str) -> float:
    """Return the Dice coefficient of the trigrams."""
    first, second = similarity.trigrams(a), similarity.trigrams(b)
    return 2 * len(first & second) / (len(first) + len(second))


MEASURES: dict[str, Measure] = {
    "trigrams without common words (used)": by(similarity.trigrams),
    "the same, only the Dice coefficient": dice,
    "trigrams of all words": by(all_trigrams),
    "words without common words": by(words),
}


def precision_and_recall(measure: Measure, threshold: float, half: int) -> str:
    """Return precision and recall for one half of the pairs, as text."""
    same, different = (
        [measure(a, b) >= threshold for a, b in PAIRS[label][half::2]]
        for label in ("same", "different")
    )
    hits, errors = sum(same), sum(different)
    precision = hits / (hits + errors) if hits + errors else 1
    return f"{precision:9.2f} {hits / len(same):6.2f}"


def main() -> None:
    """Print precision and recall of each measure, and the time of a comparison."""
    for name, measure in MEASURES.items():
        print(f"\n{name}\nthreshold | even pairs: precision, recall | odd pairs: precision, recall")
        for threshold in THRESHOLDS:
            halves = [precision_and_recall(measure, threshold, half) for half in (0, 1)]
            print(f"{threshold:9.2f} |      {halves[0]}         |     {halves[1]}")
    texts = [
        f"{number} {' '.join(pair[0] for pair in PAIRS['same'][:20])}"[:500] for number in range(25)
    ]
    new = similarity.trigrams(texts[0])
    seconds = timeit.timeit(
        lambda: [similarity.similarity(new, similarity.trigrams(each)) for each in texts],
        number=200,
    )
    count = possible_duplicates.TICKETS_READ
    print(f"\n{count} texts of 500 characters: {seconds / 200 * 1000:.2f} ms")


if __name__ == "__main__":
    main()

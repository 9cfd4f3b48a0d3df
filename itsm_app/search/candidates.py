"""Find where the search index has all tokens of a query, newest ticket first.

The positions of a token in a shard are sorted by the creation time of the tickets. To find tickets
with several tokens, each token in turn jumps to the newest position that the one before it has, or
to the next older one. If all have the same position, the ticket there has all tokens. Of the
shards, the one that can have the newest ticket goes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ..storage import search_index

# How many pages of postings one search reads at most. The next page of results goes on from there.
MAX_PAGES = 48
# How many postings the first page of a token has, by how much the next ones grow, and their limit.
# A page of 1,000 takes three times as long as a page of 256, and a jump often uses one posting.
# With 256, the slowest search of `bench.search` takes half as long as with 1,000.
FIRST_PAGE = 32
GROWTH = 4
MAX_PAGE = 256
# Every position begins with a year, so it is less than this text.
NEWEST = "~"
# The smallest text that is greater than a position is the position with this character.
NEXT = "\0"


class Candidates:
    """The positions of the tickets that have all tokens, newest first.

    The iteration ends after `MAX_PAGES` pages of postings.

    Args:
        tokens: The tokens.
        before: The positions are less than this text.
        alternative: A token that is as good as all the others together, or None.

    Attributes:
        reached: All positions from this text on were yielded. Empty if all positions were yielded.
    """

    def __init__(
        self, tokens: Sequence[str], before: str = NEWEST, alternative: str | None = None
    ) -> None:
        self.reached = before
        self._pages_left = MAX_PAGES
        self._shards = [
            _Shard(self._postings(tokens, alternative, number), before)
            for number in range(search_index.SHARDS)
        ]

    def _postings(
        self, tokens: Sequence[str], alternative: str | None, shard: int
    ) -> list[_Postings | _Either]:
        postings = [_Postings(self, token, shard) for token in tokens]
        if alternative is None:
            return [*postings]
        # (a and b) or c = (a or c) and (b or c)
        other = _Postings(self, alternative, shard)
        return [_Either(each, other) for each in postings]

    def __iter__(self) -> Iterator[str]:
        """Yield the positions. Raises `StorageUnavailable` if DynamoDB fails."""
        try:
            while shards := [each for each in self._shards if each.before]:
                shard = max(shards, key=lambda each: each.before)
                if shard.match:
                    self.reached = shard.take_match()
                    yield self.reached
                else:
                    shard.advance()
            self.reached = ""
        except _PagesUsedUp:
            self.reached = max(each.before for each in self._shards)

    def count_page(self) -> None:
        """Count a page. Raise `_PagesUsedUp` if there was none left."""
        if not self._pages_left:
            raise _PagesUsedUp
        self._pages_left -= 1


class _PagesUsedUp(Exception):
    """The search has read as many pages as it may."""


class _Shard:
    """The tickets with all tokens in one shard.

    Attributes:
        before: The next ticket has a position less than this text. Empty if there is no ticket.
        match: The position of the next ticket, or empty if it is not known yet.
    """

    def __init__(self, postings: Sequence[_Postings | _Either], before: str) -> None:
        self.before = before
        self.match = ""
        self._postings = postings

    def take_match(self) -> str:
        """Return the position of the next ticket, and go on to the one after it."""
        self.before, self.match = self.match, ""
        return self.before

    def advance(self) -> None:
        """Let each token jump once."""
        newest = ""
        for each in self._postings:
            position = each.newest(self.before)
            if not position:
                self.before = ""
                return
            newest = newest or position
            self.before = position + NEXT
        if position == newest:
            self.match = position


class _Postings:
    """The positions of one token in one shard."""

    def __init__(self, candidates: Candidates, token: str, shard: int) -> None:
        self._candidates = candidates
        self._token = token
        self._shard = shard
        self._page_size = FIRST_PAGE
        # Oldest first, because positions are taken from the end.
        self._page: list[str] = []
        self._has_more = True

    def newest(self, before: str) -> str:
        """Return the largest position that is less than `before`, or an empty text."""
        del self._page[bisect_left(self._page, before) :]
        if not self._page and self._has_more:
            self._candidates.count_page()
            page, self._has_more = search_index.positions(
                self._token, self._shard, before, self._page_size
            )
            self._page = page[::-1]
            self._page_size = min(self._page_size * GROWTH, MAX_PAGE)
        return self._page[-1] if self._page else ""


class _Either:
    """The positions of two tokens in one shard."""

    def __init__(self, one: _Postings, other: _Postings) -> None:
        self._both = one, other

    def newest(self, before: str) -> str:
        """Return the largest position that is less than `before`, or an empty text."""
        return max(each.newest(before) for each in self._both)

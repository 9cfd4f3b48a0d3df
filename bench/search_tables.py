"""Tables with tickets and postings for `bench.search`."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

from bench.capacity import Responses
from bench.growth import MAX_BATCH_ITEMS, Table, ticket_values
from bench.operations import Request
from itsm_app import config
from itsm_app.search import indexing, tokens
from itsm_app.storage import search_index, search_table
from itsm_app.storage.models import Ticket
from itsm_app.storage.retry import retries_per_request
from itsm_app.storage.search_index import SearchItem
from itsm_app.tickets import cursors, numbers

# How many of the oldest and of the newest tickets have a word of their own.
AT_EACH_END = 50
# Words of all descriptions. No query has them.
FILLER = str.split(
    "it does not work since this morning when i switch my laptop on in the office and the message "
    "says that there was an error so can you call me back before noon"
)
# Words that occur together, in one of 100 tickets.
PHRASE = str.split("a projector replacement has a flickering screen")
DESCRIPTION_CHARACTERS = 100
# The postings of so many tickets are written together, so that most batches are full.
POSTINGS_OF_TICKETS = 100


class SearchTable(Table):
    """A table with tickets, and the search index of the tickets for some queries.

    The caller's number ends with the same four digits in one of 10,000 groups of ten tickets. So
    does the number of one of 10,000 tickets.
    """

    def __init__(self, url: str, tickets: int, queries: Collection[str]) -> None:
        super().__init__(url, tickets)
        self._index = SearchItem._get_connection()
        self._queries = queries
        self._tokens = {
            token
            for query in queries
            for term in tokens.of_query(self.text(query))
            for token in term.tokens
        }

    def create_tables(self) -> None:
        """Create both tables. A search reads tickets by their ids, so there are no indexes."""
        SearchItem._connection = None
        Ticket.connection().connection.client.create_table(
            TableName=config.TABLE_NAME,
            AttributeDefinitions=[{"AttributeName": "ticket_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "ticket_id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        search_table.create()

    def select(self) -> None:
        """Make this process use the tables in the DynamoDB of this object."""
        Ticket._connection = self._connection
        SearchItem._connection = self._index

    def call(self, request: Request) -> Responses:
        """Send a request to the app and return the responses of DynamoDB."""
        self.select()
        return super().call(request)

    def text(self, query: str) -> str:
        """Return a query with the number of a ticket that was created in the middle of all."""
        return query.format(number=self.values(self.tickets // 2)["ticket_number"])

    def cursor(self, query: str, results: int) -> str:
        """Return the cursor after a number of results of a query that all tickets match."""
        values = self.values(self.tickets - results)
        place = search_index.Place.of(values["ticket_id"], values["created_at"])
        terms = tokens.of_query(self.text(query))
        return cursors.encode(place.position, "search", *(each.text for each in terms))

    def values(self, number: int) -> dict[str, Any]:
        """Return the values that differ between tickets. Tickets are numbered by creation time."""
        digits = next(numbers.candidates("", str(number)))
        return ticket_values(number) | {
            "ticket_id": numbers.ticket_id(digits),
            "ticket_number": numbers.written(digits),
            "caller_id": f"+1555{number // 10:07}",
            "issue_description": self._description(number),
        }

    def _description(self, number: int) -> str:
        random = Random(number)
        words = ["please"]
        # "printer" and "monitor" never occur together. "outlook" does not depend on them.
        words += {0: ["printer"], 1: ["monitor"]}.get(number % 3, [])
        words += ["outlook"] if random.random() < 1 / 3 else []
        words += PHRASE * (number % 100 == 0)
        words += ["gateway"] if number % 10_000 == 5_000 else []
        words += ["typewriter"] if number < AT_EACH_END else []
        words += ["hologram"] if number >= self.tickets - AT_EACH_END else []
        text = " ".join(words)
        while len(text) < DESCRIPTION_CHARACTERS:
            text += " " + random.choice(FILLER)
        return text

    def _put(self, item: dict[str, Any], start: int) -> None:
        with retries_per_request():
            super()._put(item, start)
            if start % POSTINGS_OF_TICKETS == 0:
                self._put_postings(start)

    def _put_postings(self, start: int) -> None:
        postings = []
        for number in range(start, min(start + POSTINGS_OF_TICKETS, self.tickets)):
            ticket = Ticket(**self.values(number))
            found = indexing.indexed(ticket)
            for token in found.tokens & self._tokens:
                partition = search_index.partition_of(token, found.place.shard)
                keys = {"partition": {"S": partition}, "position": {"S": found.place.position}}
                postings.append({"PutRequest": {"Item": keys}})
        for first in range(0, len(postings), MAX_BATCH_ITEMS):
            self._write({SearchItem.Meta.table_name: postings[first : first + MAX_BATCH_ITEMS]})

"""Full-text search: the words of tickets, the search index, and queries of it."""

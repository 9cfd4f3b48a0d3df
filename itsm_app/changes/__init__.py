"""The change stream of the ticket table: each change at least once, in order for each ticket."""

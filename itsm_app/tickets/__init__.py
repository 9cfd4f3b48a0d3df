"""The ticket operations and their rules. No HTTP and no AWS SDK in here."""

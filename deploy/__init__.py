"""What only `zappa deploy` and its kin use: the Lambda's entry, its package, names and policies."""

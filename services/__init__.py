"""What runs all day: the scorer, its HTTP contract and the ledger."""

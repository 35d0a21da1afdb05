"""What goes wrong with the ledger."""


class LedgerError(RuntimeError):
    """The ledger cannot be opened, read or written; the message says why."""


class PromotionError(LedgerError):
    """A promotion or rollback is not allowed as asked for; the message says why."""

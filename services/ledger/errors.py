"""What goes wrong with the ledger."""


class LedgerError(RuntimeError):
    """The ledger cannot be opened, read or written; the message says why."""


class PromotionError(LedgerError):
    """A promotion or rollback is not allowed as asked for; the message says why."""


class UnknownDecisionError(LedgerError):
    """The ledger has no such decision; the message names it."""


class NotAllowedError(LedgerError):
    """A key may not read what was asked for; the message says what it lacks."""

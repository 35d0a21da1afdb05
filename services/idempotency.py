"""What makes a request the same as an earlier one."""

import hashlib

import orjson


def claim(*parts: str) -> str:
    """The hash under which a decision is found again: of a kind, whose it is, and a word.

    >>> claim("application", "taiwan", "A-1")[:12]
    'ba171f843050'
    """
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def body_hash(content: object) -> str:
    """The hash of a body; the order of its keys does not count."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

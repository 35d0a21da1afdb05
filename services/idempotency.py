"""What makes a request the same as an earlier one."""

import hashlib
from http import HTTPStatus

import orjson
from fastapi import Request

from services.problems import ProblemError

LONGEST_KEY = 200


def claim(*parts: str) -> str:
    """The hash under which a decision is found again: of a kind, whose it is, and a word.

    >>> claim("application", "taiwan", "A-1")[:12]
    'ba171f843050'
    """
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def body_hash(content: object) -> str:
    """The hash of a body; the order of its keys does not count."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def asked_key(request: Request) -> str | None:
    """The caller's own word for a request; raises ProblemError: 400."""
    words = request.headers.get("idempotency-key")
    if words is not None and not 1 <= len(words) <= LONGEST_KEY:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"Idempotency-Key has {len(words)} characters, expected 1 to {LONGEST_KEY}",
        )
    return words

"""Taking a decision apart: contributions, reasons, and what would have changed it."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from configs.settings import Settings
from credit.features import Applications
from credit.package import PackageError
from credit.policy import Policy
from credit.recourse import Recourse
from credit.spec import Schema
from credit.underwriting import Underwriter
from services.application import stored_applications
from services.fetching import fetch_package
from services.ledger import Ledger
from services.model import CurrentModel

Json = dict[str, Any]

# Packages are large, and people look at the decisions of few of them.
MOST_PACKAGES = 2
# Recourse tries thousands of changes: one at a time, so that decisions keep a processor.
AT_ONCE = 1


class Explainer:
    """Explains with the package that decided, in a thread."""

    def __init__(self, current: CurrentModel, ledger: Ledger, settings: Settings):
        self._current = current
        self._ledger = ledger
        self._settings = settings
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._fetched = lru_cache(MOST_PACKAGES)(self._fetch)

    async def explain(self, digest: str, fields: Mapping[str, object]) -> Json:
        """Explanation, reasons and recourse of one application, as JSON.

        Args:
            digest: of the package that decides.
            fields: as they were checked, or as they are stored.

        Raises:
            PackageError: the package is not to be had any more.
        """
        async with self._turn:
            return await asyncio.to_thread(self._explain, digest, fields)

    def policy(self, digest: str) -> Policy:
        """The policy of the package that decided; raises PackageError where it is gone."""
        return self._underwriter(digest).policy

    def _explain(self, digest: str, fields: Mapping[str, object]) -> Json:
        underwriter = self._underwriter(digest)
        application = stored_applications([fields], underwriter.schema)
        (judgement,) = underwriter.judge(application, "all")
        is_approved = judgement.decision == "approve"
        return {
            "explanation": underwriter.explain(application).model_dump(),
            "reasons": [reason.model_dump(exclude_none=True) for reason in judgement.reasons],
            "recourse": None if is_approved else _recourse(underwriter, application),
        }

    def _underwriter(self, digest: str) -> Underwriter:
        serving = self._current.model
        if serving and serving.digest == digest:
            return serving.underwriter
        return self._fetched(digest)

    def _fetch(self, digest: str) -> Underwriter:
        history = self._ledger.history(self._settings.dataset)
        uri = next((row.uri for row in history if row.digest == digest), None)
        if uri is None:
            raise PackageError(f"package {digest} was never deployed here; it cannot be read")
        return Underwriter(fetch_package(self._settings.home, uri, digest))


def _recourse(underwriter: Underwriter, application: Applications) -> Json | None:
    found = underwriter.recourse(application)
    return _plain(found, underwriter.schema) if found else None


def _plain(recourse: Recourse, schema: Schema) -> Json:
    """Whole numbers where the column is of integers."""
    changes = []
    for change in recourse.changes:
        values = change.model_dump()
        if schema.columns[change.field].type == "integer":
            values |= {"now": int(values["now"]), "then": int(values["then"])}
        changes.append(values)
    return {"changes": changes}

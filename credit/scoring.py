"""Scoring with a package: raw fields in, probability of default out."""

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort

from credit.expressions import FloatArray
from credit.features import Applications, from_fields
from credit.package import PackageError
from credit.policy import DECIMALS
from credit.spec import Schema

NUMBERS = "numbers"
CATEGORIES = "categories"
PROBABILITY = "probability_of_default"
BATCH = 8192


class Scorer:
    """Scores applications with a package's graph.

    One thread and a probability rounded to 1e-6 make a score exactly repeatable: alone, in a
    batch of any size, today and at an audit.
    """

    def __init__(self, schema: Schema, graph: bytes):
        """Load a package's graph; raises PackageError when the runtime cannot."""
        self.schema = schema
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Rewriting would drop a constant of 1e-138 as if it were 0 and change with every release.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001  onnxruntime's exceptions share no other base
            raise PackageError(f"the graph does not load: {str(error).splitlines()[0]}") from None
        self._takes_numbers = bool(self.schema.number_fields)
        self._takes_categories = bool(self.schema.category_fields)

    def probabilities(self, applications: Applications) -> FloatArray:
        """Probability of default of each application, from 0 to 1, rounded to 1e-6."""
        starts = range(0, max(len(applications), 1), BATCH)
        parts = [self._run(applications[start : start + BATCH]) for start in starts]
        return np.round(parts[0] if len(parts) == 1 else np.concatenate(parts), DECIMALS)

    def probability(self, fields: Mapping[str, object]) -> float:
        """Probability of default of one application whose field values are checked and typed."""
        return float(self.probabilities(from_fields(fields, self.schema))[0])

    def _run(self, applications: Applications) -> FloatArray:
        inputs: dict[str, np.ndarray] = {}
        if self._takes_numbers:
            inputs[NUMBERS] = applications.numbers
        if self._takes_categories:
            inputs[CATEGORIES] = applications.categories
        (probability,) = self._session.run([PROBABILITY], inputs)
        return probability  # type: ignore[no-any-return]

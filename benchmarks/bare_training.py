"""The fits of a training without Prefect, MLflow and packages.

`python -m benchmarks.bare_training DATASET PRESET FAMILY...` is what a careful analyst would write:
read, check, split, fit the families side by side, measure.
"""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from threadpoolctl import threadpool_limits

from benchmarks.development import develop
from configs.settings import load_settings
from credit.metrics import evaluate
from credit.plan import FamilyName, PresetName
from credit.training import SLOWEST_FIRST, Development, fit_family


def main(dataset: str, preset: PresetName, families: Sequence[FamilyName]) -> None:
    development = develop(dataset)
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        # In the order of the flow, so that neither leaves a core idle for longer.
        running = {
            family: pool.submit(_fit, family, preset, development)
            for family in sorted(families, key=SLOWEST_FIRST.index)
        }
        print(json.dumps({family: running[family].result() for family in families}))


def _fit(family: FamilyName, preset: PresetName, development: Development) -> float:
    """Fit and measure; gives the validation AUC."""
    plan, train = load_settings().training, development.train
    layout = development.feature_map.layout
    fitted = fit_family(family, plan.presets[preset], train.features, train.bad, layout, plan)
    metrics = [
        evaluate(part.bad, fitted.probability(part.features), plan.bootstrap_samples, plan.seed)
        for part in (development.validation, development.test)
    ]
    return metrics[0]["auc"].value


if __name__ == "__main__":
    _, name, how_far, *chosen = sys.argv
    main(name, cast(PresetName, how_far), cast(list[FamilyName], chosen))

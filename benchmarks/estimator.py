"""A trained family as a scikit-learn estimator over a DataFrame, for joblib and MLflow."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from credit.calibration import Calibrator, probability
from credit.expressions import FloatArray
from credit.features import FeatureMap, from_frame
from credit.models.family import Model


class Estimator(ClassifierMixin, BaseEstimator):
    """Gives the probabilities of good and bad for rows of raw fields."""

    def __init__(self, feature_map: FeatureMap, model: Model, calibrator: Calibrator):
        self.feature_map = feature_map
        self.model = model
        self.calibrator = calibrator

    def predict_proba(self, frame: pd.DataFrame) -> FloatArray:
        """Probabilities [rows, 2]."""
        schema = self.feature_map.schema
        typed = frame.astype(dict.fromkeys(schema.number_fields, float))
        features = self.feature_map(from_frame(typed, schema))
        bad = probability(self.calibrator, self.model.margin(features))
        return np.column_stack([1 - bad, bad])

"""FastAPI, joblib and pandas, the way most write it: validate, make a DataFrame, predict.

It stores nothing, gives no reasons and asks for no key.
"""

import os
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

# At import, as most write it: uvicorn imports this in a process of its own.
model = joblib.load(os.environ["BENCHMARK_MODEL"])
schema = model.feature_map.schema
Features: Any = create_model(
    "Features",
    **dict.fromkeys(schema.number_fields, (float | None, None)),
    **dict.fromkeys(schema.category_fields, (str | None, None)),
)


class Application(BaseModel):
    """One application."""

    features: Features


class Batch(BaseModel):
    """Many applications."""

    applications: list[Application]


app = FastAPI()


@app.get("/ready")
def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/predict")
def predict(application: Application) -> dict[str, float]:
    frame = pd.DataFrame([application.features.model_dump()])
    return {"probability_of_default": float(model.predict_proba(frame)[0, 1])}


@app.post("/api/predict/batch")
def predict_batch(batch: Batch) -> dict[str, list[float]]:
    frame = pd.DataFrame([each.features.model_dump() for each in batch.applications])
    return {"probability_of_default": model.predict_proba(frame)[:, 1].tolist()}

"""Prefect tasks, the imperative shell, and the only place that imports MLflow and Evidently."""

"""A tiny schema and a hand-made package, for tests that need a model but no training."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from credit.attribution import Linear
from credit.baseline import Baseline
from credit.design import ScaledDesign, TreeDesign
from credit.expressions import FloatArray
from credit.features import (
    FIRST_LEVEL_CODE,
    Applications,
    FeatureMap,
    Vocabulary,
    from_fields,
)
from credit.intervals import Interval
from credit.package import Contents, Package, Provenance
from credit.plan import CostPlan, ScalePlan
from credit.policy import Policy
from credit.reasons import ReasonModel
from credit.reference import Reference, reference_of
from credit.spec import Column, Schema

POLICY = Policy(
    approve_below=0.2,
    decline_above=0.4,
    scale=ScalePlan(base_score=600, base_odds=30, points_to_double=20),
    costs=CostPlan(
        loss_given_default=0.45,
        margin=0.1,
        review_cost=25,
        review_accuracy=0.7,
        review_capacity=0.15,
    ),
)

SCHEMA = Schema.model_validate(
    {
        "name": "tiny-credit",
        "bad": {"target": "defaulted"},
        "columns": {
            "status": {
                "type": "category",
                "levels": {1: "no account", 2: "below 0 DM", 3: "0 DM and more"},
                "description": "Balance of the current account",
                "missing_allowed": False,
            },
            "duration": {
                "type": "integer",
                "unit": "months",
                "range": [4, 72],
                "description": "Term of the loan",
                "missing_allowed": False,
            },
            "amount": {"type": "number", "unit": "DM", "range": [100, None]},
            "bureau score": {
                "type": "number",
                "range": [0, 1000],
                "special": {-9: "no record", -8: "no usable record"},
            },
            "purpose": {"type": "category"},
            "applied": {"type": "date", "range": ["2000-01-01", "2030-12-31"]},
            "opened": {"type": "date"},
            "sex": {"type": "category", "role": "protected", "attribute": "sex"},
            "age": {"type": "integer", "role": "protected", "attribute": "age"},
            "telephone": {"type": "category", "role": "ignore"},
        },
        "derived": {"months_known": {"expression": "months_between(applied, opened)"}},
    }
)

APPLICATION: dict[str, object] = {
    "status": 2,
    "duration": 24,
    "amount": 3500.5,
    "bureau score": 612,
    "purpose": "car",
    "applied": "2024-05-17",
    "opened": "2019-11-02",
}

WEIGHTS = {"duration": 0.03, "amount": 1e-4, "bureau score": -2e-3}
EFFECTS = {"1": 0.4, "2": 0.9, "3": -0.7, "car": 0.2}


def graph(schema: Schema = SCHEMA, shift: float = -1.0) -> bytes:
    """logit = shift + weights * numbers (missing: 0) + effects of the categories."""
    weights = [[WEIGHTS.get(name, 0.0)] for name in schema.number_fields]
    numbers, categories = len(schema.number_fields), len(schema.category_fields)
    constants = {
        "zero": np.zeros((1, 1)),
        "weights": np.array(weights),
        "shift": np.array([shift]),
        "columns": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", ["numbers"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "numbers"], ["present"]),
        helper.make_node("MatMul", ["present", "weights"], ["weighed"]),
        helper.make_node("Squeeze", ["weighed", "columns"], ["from_numbers"]),
        helper.make_node(
            "LabelEncoder",
            ["categories"],
            ["effects"],
            domain="ai.onnx.ml",
            keys_strings=list(EFFECTS),
            values_floats=list(EFFECTS.values()),
            default_float=0.0,
        ),
        helper.make_node("Cast", ["effects"], ["precise"], to=TensorProto.DOUBLE),
        helper.make_node("ReduceSum", ["precise", "columns"], ["from_categories"], keepdims=0),
        helper.make_node("Add", ["from_numbers", "from_categories"], ["moved"]),
        helper.make_node("Add", ["moved", "shift"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability_of_default"]),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [
                helper.make_tensor_value_info("numbers", TensorProto.DOUBLE, [None, numbers]),
                helper.make_tensor_value_info("categories", TensorProto.STRING, [None, categories]),
            ],
            [helper.make_tensor_value_info("probability_of_default", TensorProto.DOUBLE, [None])],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=9,
    )
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def reason_model(schema: Schema = SCHEMA, shift: float = -1.0) -> ReasonModel:
    """The graph's logit taken apart; usual among the approved is an application of zeros."""
    levels = tuple(tuple(sorted(EFFECTS)) for _ in schema.category_features)
    feature_map = FeatureMap(schema, Vocabulary(levels))
    tree = TreeDesign.of(feature_map.layout)
    names = (*schema.number_features, *schema.category_features)
    width = len(tree.features)
    weights = [WEIGHTS.get(name, 0.0) for name in schema.number_features]
    codes = [tree.special.values[i] * weights[p] for i, p in enumerate(tree.special.positions)]
    effects = [_effect(levels, position, code) for position, code in _one_hot(tree)]
    design = ScaledDesign(
        tree,
        low=np.full(width, -np.inf),
        high=np.full(width, np.inf),
        fill=np.zeros(width),
        gaps=(),
        mean=np.zeros(width),
        deviation=np.ones(width),
    )
    attribution = Linear(design, np.array([*weights, *codes, *effects]), shift, len(names))
    reference = feature_map(from_fields(dict.fromkeys(schema.number_fields, 0.0), schema))
    return ReasonModel(
        feature_map=feature_map,
        attribution=attribution,
        scale="log-odds",
        centre=np.zeros(len(names)),
        base=shift,
        reference=reference,
        quantiles=tuple(np.linspace(0.0, 4000.0, 20) for _ in schema.number_fields),
        levels=levels[: len(schema.category_fields)],
    )


def _one_hot(tree: TreeDesign) -> list[tuple[int, int]]:
    return list(zip(tree.one_hot.positions, tree.one_hot.values, strict=True))


def _effect(levels: tuple[tuple[str, ...], ...], position: int, code: int) -> float:
    known = code - FIRST_LEVEL_CODE
    return EFFECTS[levels[position][known]] if known >= 0 else 0.0


def applications(rows: int, seed: int = 0, schema: Schema = SCHEMA) -> Applications:
    """Plausible applications, drawn at random; some values are missing."""
    draw = np.random.default_rng(seed)
    numbers = [_drawn(schema.columns[name], rows, draw) for name in schema.number_fields]
    categories = [
        draw.choice([*(schema.columns[name].levels or ("car", "home", ""))], rows).astype(object)
        for name in schema.category_fields
    ]
    return Applications(
        np.array(numbers, float).reshape(len(numbers), rows).T,
        np.array(categories, object).reshape(len(categories), rows).T,
    )


def _drawn(column: Column, rows: int, draw: np.random.Generator) -> FloatArray:
    values = np.round(draw.normal(500, 150, rows))
    if column.type == "integer":
        values = draw.integers(6, 60, rows).astype(np.float64)
    if column.type == "date":
        values = draw.integers(18_000, 19_000, rows).astype(np.float64)
    if column.special:
        values = np.where(draw.random(rows) < 0.1, min(column.special), values)
    return np.where(draw.random(rows) < 0.05, np.nan, values) if column.missing_allowed else values


def reference(schema: Schema = SCHEMA, shift: float = -1.0, rows: int = 400) -> Reference:
    """What is normal: applications as `applications` draws them."""
    normal = applications(rows, schema=schema)
    features = [*schema.number_features, *schema.category_features]
    metrics = {
        "accuracy": Interval(0.85, 0.82, 0.88),
        "gini": Interval(0.4, 0.3, 0.5),
        "brier": Interval(0.12, 0.1, 0.14),
    }
    return reference_of(
        schema,
        graph(schema, shift),
        POLICY,
        normal,
        normal,
        importance=dict.fromkeys(features, 1 / len(features)),
        baseline=Baseline(rows=300, metrics=metrics),
    )


def package(schema: Schema = SCHEMA, shift: float = -1.0, family: str = "woe_logistic") -> Package:
    """A package that serves; another shift gives another digest."""
    provenance = Provenance(
        training_data="11" * 32, spec="22" * 32, config="33" * 32, lock="44" * 32, runtime={}
    )
    reasons = reason_model(schema, shift).to_bytes()
    known = reference(schema, shift).to_json()
    contents = Contents(graph(schema, shift), POLICY, reasons, known, b"<html></html>", b"{}")
    return Package.build(schema, family, contents, provenance)

"""Feed-forward network (Keras on TensorFlow): embeddings for categories, early stopping."""

from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from credit.design import ScaledDesign
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors, emit_scaled_design
from credit.models.family import Family, Params

LARGEST_BATCH = 512
SMALLEST_BATCH = 32
FEWEST_STEPS = 32
CHUNK = 8192
MOST_EPOCHS = 80
PATIENCE = 6
WATCHED_SHARE = 0.1
WIDEST_EMBEDDING = 8
LAYERS = ("hidden_0", "hidden_1", "log_odds")


@cache
def _keras() -> Any:
    """Keras with deterministic operations on one thread; imported only when a network is fitted."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    import keras

    return keras


@dataclass(frozen=True)
class Network:
    """Log-odds from two hidden layers over scaled numbers and embedded categories."""

    design: ScaledDesign
    layout: Layout
    model: Any

    def margin(self, features: Features) -> FloatArray:
        inputs = _inputs(self.design, features)
        chunks = [
            np.asarray(self.model([part[start : start + CHUNK] for part in inputs], training=False))
            for start in range(0, len(features), CHUNK)
        ]
        return np.concatenate(chunks)[:, 0].astype(np.float64)

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        embedded = [
            graph.add(
                "Gather",
                graph.constant(self.weights(f"embedding_{position}")[0]),
                graph.add(
                    "Squeeze",
                    graph.columns(features.codes, [position]),
                    graph.constant(np.array([1])),
                ),
                axis=0,
            )
            for position in range(len(self.layout.categories))
        ]
        scaled = [emit_scaled_design(graph, self.design, features)] if self.layout.numbers else []
        signal = graph.concat([*scaled, *embedded])
        *hidden, last = LAYERS
        for layer in hidden:
            signal = graph.add("Relu", self._dense(graph, signal, layer))
        return self._dense(graph, signal, last)

    def _dense(self, graph: Graph, signal: str, layer: str) -> str:
        kernel, bias = self.weights(layer)
        return graph.add("Gemm", signal, graph.constant(kernel), graph.constant(bias))

    def weights(self, layer: str) -> list[FloatArray]:
        """A layer's weights in double precision: vectors, or kernel and bias."""
        return [weights.astype(np.float64) for weights in self.model.get_layer(layer).get_weights()]


def _inputs(design: ScaledDesign, features: Features) -> list[np.ndarray]:
    codes = [column[:, np.newaxis].astype(np.int32) for column in features.codes.T]
    return [design.matrix(features).astype(np.float32), *codes]


def fit(
    features: Features,
    bad: BadArray,
    layout: Layout,
    params: Params,
    seed: int,
    weights: FloatArray | None = None,
) -> Network:
    """Fit on nine tenths, stop when the loss on the last tenth no longer falls, keep the best."""
    keras = _keras()
    design = ScaledDesign.fit(replace(layout, categories=()), features)
    inputs = _inputs(design, features)
    model = _build(keras, inputs[0].shape[1], layout, params, seed)
    generator = np.random.default_rng(seed)
    watched = generator.random(len(bad)) < WATCHED_SHARE
    if len(np.unique(bad[watched])) < 2:
        watched[[np.argmax(bad), np.argmin(bad)]] = True
    network = Network(design, layout, model)
    weights = np.ones(len(bad)) if weights is None else weights
    best, best_weights, waited = np.inf, model.get_weights(), 0
    for _ in range(MOST_EPOCHS):
        _run_epoch(model, inputs, bad, weights, generator.permutation(np.flatnonzero(~watched)))
        loss = _log_loss(network.margin(features[watched]), bad[watched], weights[watched])
        waited += 1
        if loss < best:
            best, best_weights, waited = loss, model.get_weights(), 0
        if waited == PATIENCE:
            break
    model.set_weights(best_weights)
    _embed_unseen_codes(model, features, layout)
    return network


def _embed_unseen_codes(model: Any, features: Features, layout: Layout) -> None:
    """Put codes that no row had, such as missing, amid the others instead of where they started."""
    for position, category in enumerate(layout.categories):
        embedding = model.get_layer(f"embedding_{position}")
        (vectors,) = embedding.get_weights()
        seen = np.bincount(features.codes[:, position], minlength=category.codes) > 0
        vectors[~seen] = vectors[seen].mean(axis=0)
        embedding.set_weights([vectors])


def _run_epoch(
    model: Any, inputs: list[np.ndarray], bad: BadArray, weights: FloatArray, order: np.ndarray
) -> None:
    """One pass in the given order; a last batch that is not full waits for another epoch."""
    size = min(LARGEST_BATCH, max(SMALLEST_BATCH, len(order) // FEWEST_STEPS), len(order))
    for start in range(0, len(order) - size + 1, size):
        rows = order[start : start + size]
        model.train_on_batch(
            [part[rows] for part in inputs],
            bad[rows].astype(np.float32),
            sample_weight=weights[rows].astype(np.float32),
        )


def _log_loss(log_odds: FloatArray, bad: BadArray, weights: FloatArray) -> float:
    return float((weights * (np.logaddexp(0, log_odds) - bad * log_odds)).mean())


def _build(keras: Any, width: int, layout: Layout, params: Params, seed: int) -> Any:
    """The network, every random part of it seeded on its own."""
    layers, seeds = keras.layers, iter(range(seed, seed + 1000))

    def dense(units: int, name: str, activation: str | None) -> Any:
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        return layers.Dense(units, activation=activation, kernel_initializer=start, name=name)

    numbers = keras.Input((width,))
    codes = [keras.Input((1,), dtype="int32") for _ in layout.categories]
    embedded = [
        layers.Flatten()(
            layers.Embedding(
                category.codes,
                min(WIDEST_EMBEDDING, ceil(category.codes / 2)),
                embeddings_initializer=keras.initializers.RandomUniform(seed=next(seeds)),
                name=f"embedding_{position}",
            )(code)
        )
        for position, (category, code) in enumerate(zip(layout.categories, codes, strict=True))
    ]
    signal = layers.Concatenate()([numbers, *embedded]) if embedded else numbers
    units = int(params["width"])
    for position, size in enumerate((units, units // 2)):
        signal = dense(size, f"hidden_{position}", "relu")(signal)
        signal = layers.Dropout(float(params["dropout"]), seed=next(seeds))(signal)
    model = keras.Model([numbers, *codes], dense(1, "log_odds", None)(signal))
    model.compile(
        optimizer=keras.optimizers.AdamW(
            float(params["learning_rate"]), weight_decay=float(params["decay"])
        ),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


FAMILY = Family(
    title="Neural network (TensorFlow)",
    scale="log-odds",
    defaults={"width": 64, "dropout": 0.2, "learning_rate": 0.003, "decay": 0.0001},
    fit=fit,
)

"""What a learner has learned, as tensors of the network's head."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from pyspark.sql import DataFrame

from pipelines.fit.columns import Numbers


class Learned(NamedTuple):
    """The tensors of a `Linear` or `Trees`, and `predict`: rows with features → with the library's own prediction."""

    learner: Literal["linear", "trees"]
    tensors: dict[str, torch.Tensor]
    predict: Callable[[DataFrame], DataFrame]
    depth: int = 0
    link: Literal["logits", "probabilities"] = "logits"


class Tree(NamedTuple):
    """Nodes by number, the root first: feature, left, right int64 (N,), threshold float64 (N,), value (N, C).

    `left` and `right` of a leaf are -1.
    """

    feature: Numbers
    threshold: Numbers
    left: Numbers
    right: Numbers
    value: Numbers


def linear(weight: Numbers, bias: Numbers) -> dict[str, torch.Tensor]:
    """Return the tensors of linear scores; of one score for two classes, half of it speaks against the first."""
    if len(weight) == 1:
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    return {name: torch.from_numpy(np.asarray(part, np.float32)) for name, part in (("weight", weight), ("bias", bias))}


def stack(trees: Sequence[Tree]) -> tuple[dict[str, torch.Tensor], int]:
    """Return the tensors of trees that are summed, filled up to the largest, and the longest path's length."""
    num_nodes, num_classes = max(len(tree.feature) for tree in trees), trees[0].value.shape[1]
    shape = (len(trees), num_nodes)
    itself = np.broadcast_to(np.arange(num_nodes), shape)
    feature, left, right = np.zeros(shape, np.int64), itself.copy(), itself.copy()
    threshold, value = np.zeros(shape, np.float32), np.zeros((*shape, num_classes), np.float32)
    for number, tree in enumerate(trees):
        inner = np.flatnonzero(tree.left >= 0)
        feature[number, inner], threshold[number, inner] = tree.feature[inner], not_above(tree.threshold[inner])
        left[number, inner], right[number, inner] = tree.left[inner], tree.right[inner]
        value[number, : len(tree.value)] = tree.value
    tensors = {"feature": feature, "left": left, "right": right, "threshold": threshold, "value": value}
    tensors["bias"] = np.zeros(num_classes, np.float32)
    return {name: torch.from_numpy(part) for name, part in tensors.items()}, max(map(_depth, trees))


def not_above(thresholds: Numbers) -> Numbers:
    """Round float64 down to float32: a float32 feature is at most one exactly where it is at most the other."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded.astype(np.float64) > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _depth(tree: Tree) -> int:
    nodes, depth = np.array([0]), 0
    while len(nodes := nodes[tree.left[nodes] >= 0]):
        nodes, depth = np.concatenate([tree.left[nodes], tree.right[nodes]]), depth + 1
    return depth

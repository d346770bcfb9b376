"""Classic learners as a part of the network: chosen features, projections, linear scores, trees.

All of it is plain tensors and runs in the same inference graph as the layers before it.
"""

from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from pipelines.model.layer_output import Pooling


class Head(BaseModel):
    """What stands on a network in place of its last layers; `shapes` are those of the learner's tensors by name.

    `num_outputs` is the network's own number of classes, `steps` the selections with their sizes.
    """

    model_config = ConfigDict(frozen=True)

    layer: str
    pooling: Pooling
    num_outputs: int
    num_features: int
    steps: tuple[tuple[Literal["pick", "project"], int, int], ...] = ()
    learner: Literal["", "linear", "trees"] = ""
    depth: int = 0
    link: Literal["logits", "probabilities"] = "logits"
    shapes: dict[str, tuple[int, ...]] = {}

    def build(self) -> nn.Sequential:
        """Make the steps and the learner with empty tensors: features (B, D) → logits (B, C)."""
        parts: list[nn.Module] = [
            Pick(size) if kind == "pick" else Project(before, size) for kind, before, size in self.steps
        ]
        if self.learner == "linear":
            parts.append(Linear(self.shapes))
        if self.learner == "trees":
            parts.append(Trees(self.shapes, self.depth, self.link))
        return nn.Sequential(*parts)


class Pick(nn.Module):
    """Features (B, D) → those at `places` (K,)."""

    def __init__(self, size: int) -> None:
        """Make room for K places."""
        super().__init__()
        self.register_buffer("places", torch.zeros(size, dtype=torch.int64))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Choose columns."""
        return features.index_select(1, self.get_buffer("places"))


class Project(nn.Module):
    """Features (B, D) → (B, K), their products with `matrix` (D, K)."""

    def __init__(self, before: int, size: int) -> None:
        """Make room for the matrix."""
        super().__init__()
        self.register_buffer("matrix", torch.zeros(before, size))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Multiply."""
        return features @ self.get_buffer("matrix")


class Linear(nn.Module):
    """Features (B, D) → logits (B, C): weight (C, D), bias (C,)."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Make room for the tensors."""
        super().__init__()
        for name in ("weight", "bias"):
            self.register_buffer(name, torch.zeros(*shapes[name]))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Score."""
        return features @ self.get_buffer("weight").T + self.get_buffer("bias")


class Trees(nn.Module):
    """Features (B, D) → the sum of what T trees of N nodes say, (B, C), as logits.

    Node n of a tree sends a row to `left` where its `feature` is at most `threshold`, else to `right`; a leaf
    sends it to itself. `value` (T, N, C) is what a node says, `bias` (C,) what is said before all trees.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], depth: int, link: str) -> None:
        """Make room for the tensors; no path is longer than `depth`."""
        super().__init__()
        self.depth, self.link = depth, link
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(*shapes["feature"], dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(*shapes["feature"]))
        self.register_buffer("value", torch.zeros(*shapes["value"]))
        self.register_buffer("bias", torch.zeros(shapes["value"][-1]))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Let every row walk down all trees at once."""
        feature, left, right, threshold, value = (
            self.get_buffer(name).flatten(0, 1) for name in ("feature", "left", "right", "threshold", "value")
        )
        num_trees, num_nodes = self.get_buffer("feature").shape
        first = torch.arange(num_trees) * num_nodes  # (T,): each tree's root among all nodes
        node = first.to(features.device) + torch.zeros_like(features[:, :1], dtype=torch.int64)  # (B, T)
        for _ in range(self.depth):
            at_most = features.gather(1, feature[node]) <= threshold[node]
            node = first + torch.where(at_most, left[node], right[node])
        scores = value[node].sum(1) + self.get_buffer("bias")
        return scores if self.link == "logits" else scores.clamp(min=1e-12).log()


class Fitted(nn.Module):
    """Normalised images → logits: a network's features, and a learner on them."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        """Put both together."""
        super().__init__()
        self.features, self.head = features, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify a batch."""
        logits: Any = self.head(self.features(images))
        return logits  # type: ignore[no-any-return]

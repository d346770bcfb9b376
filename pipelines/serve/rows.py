"""Rows of features in text/csv, for models that `fit` made of them."""

import io
import warnings

import numpy as np

from pipelines.model.bundle import BundleInfo
from pipelines.serve.endpoint import Rows
from pipelines.serve.errors import Refused
from pipelines.serve.formats import BINARY_TYPES, CSV, JSON


def check_takes_rows(info: BundleInfo) -> None:
    """Accept a model that takes rows of features.

    Raises:
        Refused: 415, it takes images.
    """
    if info.head is None or not info.head.learner:
        raise Refused(
            415,
            "unsupported_media_type",
            f"Content-Type is {CSV!r}; only models made by fit take rows of features. Send this one an image, as "
            f"one of {', '.join(BINARY_TYPES)}, {JSON}",
        )


def read_rows(body: bytes, info: BundleInfo) -> Rows:
    """Return float32 (N, D), one row a line of numbers with commas between them and no header.

    Raises:
        Refused: 400, a line is none of D finite numbers; the message says which.
    """
    assert info.head is not None
    try:
        with warnings.catch_warnings(action="ignore"):  # of no rows, which is said below
            rows = np.loadtxt(io.BytesIO(body), np.float32, comments=None, delimiter=",", ndmin=2, encoding="utf-8")
    except ValueError as error:
        raise Refused(400, "bad_request", f"the body is no {CSV} of numbers without a header: {error}") from error
    if not len(rows) or rows.shape[1] != info.head.num_features:
        raise Refused(
            400, "bad_request", f"got {CSV} of shape {rows.shape}; this model takes (rows, {info.head.num_features})"
        )
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        raise Refused(400, "bad_request", f"row {wrong[0]} has a value that is no finite float32")
    return rows

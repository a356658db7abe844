"""Rank correlations between the columns of a table, and of very many such tables at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

CHUNK = 250  # tables at once: their products take as much memory as this asks for


def spearman(tables: Floats) -> Floats:
    """[..., columns, columns] Spearman's rank correlation, ties having their mean rank; NaN of a constant column.

    Args:
        tables: [..., rows, columns], without NaN.
    """
    ranks = rankdata(tables, axis=-2)
    centred = ranks - ranks.mean(axis=-2, keepdims=True)
    return _cosines(centred)


def kendall(tables: Floats) -> Floats:
    """[..., columns, columns] Kendall's tau-b (1945), which allows for ties; NaN of a constant column.

    Args:
        tables: [..., rows, columns], without NaN.
    """
    one, other = np.triu_indices(tables.shape[-2], 1)
    flat = tables.reshape(-1, *tables.shape[-2:])
    parts = [np.sign(part[:, one] - part[:, other]) for part in np.array_split(flat, -(-len(flat) // CHUNK))]
    found = np.concatenate([_cosines(part) for part in parts])
    return found.reshape(*tables.shape[:-2], *found.shape[-2:])


def _cosines(columns: Floats) -> Floats:
    products = np.swapaxes(columns, -1, -2) @ columns
    lengths = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = products / (lengths[..., :, None] * lengths[..., None, :])
    return np.asarray(np.clip(found, -1, 1))


def better_half(table: Floats) -> list[int]:
    """The rows of the better half by their mean rank over all columns, in their order; larger is better.

    Args:
        table: [rows, columns].
    """
    means = rankdata(table, axis=0).mean(axis=1)
    return sorted(np.argsort(-means, kind="stable")[: (len(table) + 1) // 2].tolist())


def alike(correlations: Floats) -> list[int]:
    """An order of the columns in which those that correlate stand together: the leaves of average linkage.

    Args:
        correlations: [columns, columns], without NaN.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    if len(correlations) < 3:
        return list(range(len(correlations)))
    distances = squareform(np.clip(1 - (correlations + correlations.T) / 2, 0, 2), checks=False)
    return [int(i) for i in leaves_list(optimal_leaf_ordering(linkage(distances, "average"), distances))]

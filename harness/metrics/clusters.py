"""Clusters of feature vectors, as MAUVE takes them: the only file that touches faiss and scikit-learn.

Both are optional and slow to import. The steps are those of Pillutla et al. (2021), "MAUVE: measuring the gap between
neural text and human text", with the settings and the random states of mauve-text 0.4: the same labels, hence the same
histograms to the bit. mauve-text itself gives histograms alone; an interval takes the cluster of each text.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Labels = NDArray[np.int64]

EXPLAINED = 0.9  # share of the variance that the principal components keep
RESTARTS = 5  # of k-means; the best is kept
ITERATIONS = 500


def installed() -> bool:
    """Whether there is what it takes to cluster; imports none of it (that takes seconds)."""
    specs = map(find_spec, ("faiss", "sklearn", "threadpoolctl"))
    return all(spec is not None and spec.origin is not None for spec in specs)  # a mere folder has no origin


def source() -> str:
    """What a signature calls the clustering: other versions may draw other first centres."""
    import faiss
    import sklearn  # type: ignore[import-untyped]

    return f"faiss-{faiss.__version__},sklearn-{sklearn.__version__}"


def labels(p: Features, q: Features, buckets: int, seed: int) -> tuple[Labels, Labels]:
    """The cluster of every text of either side, from 0, both sides clustered together.

    Args:
        p: [texts, d] features of the references.
        q: [texts, d] features of the generations.
        buckets: how many clusters; at most as many as there are texts.
        seed: of the clustering; mauve-text's default is 25.

    Raises:
        RuntimeError: there are fewer texts than buckets.
    """
    found = assigned(projected(p, q), buckets, seed)
    return found[len(q) :], found[: len(q)]


def projected(p: Features, q: Features) -> Features:
    """[texts of q, then of p; components] vectors of length 1 on their principal components.

    There are as many components as hold `EXPLAINED` of the variance. No seed moves them, and with a thousand dimensions
    they take ten times as long as a clustering: several clusterings share them.
    """
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]
    from sklearn.preprocessing import normalize  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # The values are the same under any number of threads; on a small busy machine several are 20 times slower than one.
    with threadpool_limits(1):
        unit = normalize(np.vstack([q, p]))
        with np.errstate(invalid="ignore"):  # vectors that are all equal have no variance to share
            components = PCA().fit(unit)
        # Where no sum gets there, as rounding or no variance may have it, the first alone: so does mauve-text.
        enough = int(np.argmax(np.cumsum(components.explained_variance_ratio_) >= EXPLAINED))
        return np.ascontiguousarray(components.transform(unit)[:, : enough + 1], dtype=np.float32)


def assigned(points: Features, buckets: int, seed: int) -> Labels:
    """[points] the cluster of every point by k-means, from 0. Their order moves the first centres as a seed does.

    Raises:
        RuntimeError: there are fewer points than buckets.
    """
    import faiss
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        kmeans = faiss.Kmeans(
            points.shape[1],
            int(buckets),  # faiss takes Python's integers alone
            niter=ITERATIONS,
            nredo=RESTARTS,
            seed=seed + 2,
            update_index=True,
            min_points_per_centroid=1,  # only whether faiss warns, on standard error: it wants 39 texts per bucket
        )
        kmeans.train(points)
        return np.asarray(kmeans.index.search(points, 1)[1], dtype=np.int64).ravel()

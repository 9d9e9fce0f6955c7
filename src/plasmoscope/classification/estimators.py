"""The network as scikit-learn's estimators: embeddings as a transformer, and a classifier that learns a head on them.

X is a sequence of pictures of single cells: paths, Pillow images or uint8 arrays, of any sizes. Both can be cloned,
pickled, searched over and crossvalidated, by patients too (``groups``); neither needs torch.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plasmoscope.classification.classifier import Use, find_model
from plasmoscope.classification.embedding import EXTRA, Embedder, Layer
from plasmoscope.extras import require_extra
from plasmoscope.networks import ModelError

require_extra(EXTRA, "scikit-learn's estimators of cells")

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.metaestimators import available_if  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets  # noqa: E402
from sklearn.utils.validation import check_is_fitted, column_or_1d  # noqa: E402


class CellEmbedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Pictures of cells to embeddings; nothing is learnt from them.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from plasmoscope.classification.estimators import CellEmbedder
    >>> pictures, infected = ["cell_1.png", "cell_2.png", "cell_3.png"], [True, False, True]
    >>> model = make_pipeline(CellEmbedder(), LogisticRegression()).fit(pictures, infected)
    """

    def __init__(
        self, model: Path | str | None = None, use: Use = "cells", layer: Layer = "last", views: int = 1
    ) -> None:
        """Nothing is loaded before the first cell comes.

        Args:
            model: an ``.onnx`` file with its card beside it, or a run folder; the one that ships if None.
            use: which of those that ship.
            layer: see ``embedding.Layer``.
            views: 1, 5 or 8 views of each cell, whose embeddings are averaged.
        """
        self.model = model
        self.use = use
        self.layer = layer
        self.views = views

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Look at the model alone."""
        _check_pictures(X)
        self.n_embedded_ = self._embedder().width
        self.model_sha256_ = self._embedder().classifier.card.sha256
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Embeddings, shape (n, d).

        Raises:
            ImageError: a picture cannot be used; the message starts with which.
            ModelError: the model's file is another one now than when this was fitted.
        """
        check_is_fitted(self)
        embedder = self._embedder()
        if embedder.classifier.card.sha256 != self.model_sha256_:
            raise ModelError("The model's file is another one now than when this was fitted. Fit again.")
        return embedder.embed(_check_pictures(X), self.views)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns."""
        check_is_fitted(self)
        return np.array([f"{self.layer}_{index}" for index in range(self.n_embedded_)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _embedder(self) -> Embedder:
        file = find_model(self.model, self.use)
        return _loaded(file, file.stat().st_mtime_ns if file.exists() else 0, self.layer)


def _head_has(name: str) -> Any:
    """Whether the head can do something."""

    def check(classifier: "CellClassifier") -> bool:
        return hasattr(getattr(classifier, "head_", None) or classifier._new_head(), name)

    return check


class CellClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Learns a head on scaled embeddings from few cells of any classes; the network itself stays as it is.

    >>> from plasmoscope.classification.estimators import CellClassifier
    >>> pictures, infected = ["cell_1.png", "cell_2.png", "cell_3.png"], [True, False, True]
    >>> CellClassifier().fit(pictures, infected).predict_proba(["cell_1.png"]).shape
    (1, 2)
    """

    def __init__(
        self,
        head: Any = None,
        model: Path | str | None = None,
        use: Use = "cells",
        layer: Layer = "last",
        views: int = 1,
    ) -> None:
        """Nothing is loaded before the first cell comes.

        Args:
            head: a classifier of scikit-learn's; a regularised logistic regression if None.
            model: as of ``CellEmbedder``, as all that follow.
            use: which of the models that ship.
            layer: of the network.
            views: of each cell.
        """
        self.head = head
        self.model = model
        self.use = use
        self.layer = layer
        self.views = views

    def fit(self, X: Any, y: ArrayLike, sample_weight: Any = None) -> Self:  # noqa: N803
        """Learn from pictures and their classes, shape (n,); weights go to a head that takes them."""
        labels = self._begin(X, y)
        self.scaler_ = StandardScaler()
        self.head_ = self._new_head()
        embeddings = self.scaler_.fit_transform(self.embedder_.transform(X))
        self.head_.fit(embeddings, labels, **({} if sample_weight is None else {"sample_weight": sample_weight}))
        self.classes_ = self.head_.classes_
        return self

    @available_if(_head_has("partial_fit"))  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: ArrayLike, classes: Any = None) -> Self:  # noqa: N803
        """Go on learning, with a head that can; the first call scales by its own cells and names all classes."""
        labels = self._begin(X, y)
        embeddings = self.embedder_.transform(X)
        if not hasattr(self, "head_"):
            self.scaler_ = StandardScaler().fit(embeddings)
            self.head_ = self._new_head()
        self.head_.partial_fit(self.scaler_.transform(embeddings), labels, classes)
        self.classes_ = self.head_.classes_
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Embeddings, shape (n, d), as the network gives them."""
        check_is_fitted(self)
        return np.asarray(self.embedder_.transform(X), np.float32)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each, shape (n,)."""
        scaled = self._scaled(X)
        return np.asarray(self.head_.predict(scaled))

    @available_if(_head_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Probability of each class, in the order of ``classes_``, shape (n, classes)."""
        scaled = self._scaled(X)
        return np.asarray(self.head_.predict_proba(scaled))

    @available_if(_head_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The head's own scores."""
        scaled = self._scaled(X)
        return np.asarray(self.head_.decision_function(scaled))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _begin(self, pictures: Any, y: ArrayLike) -> NDArray[Any]:
        if y is None:
            raise ValueError("This classifier requires y to be passed, but the target y is None.")
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        if len(labels) != len(_check_pictures(pictures)):
            raise ValueError(f"There are {len(pictures):,} pictures and {len(labels):,} classes; give one for each.")
        self.embedder_ = CellEmbedder(self.model, self.use, self.layer, self.views).fit(pictures)
        return np.asarray(labels)

    def _scaled(self, pictures: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        return np.asarray(self.scaler_.transform(self.embedder_.transform(pictures)))

    def _new_head(self) -> Any:
        # As strong as it takes for a thousand columns and some hundred cells.
        return LogisticRegression(C=0.01, max_iter=1_000) if self.head is None else clone(self.head)


@lru_cache(maxsize=4)
def _loaded(model: Path, version: int, layer: Layer) -> Embedder:
    """A model; kept, since estimators are cloned often and cannot hold it themselves: it cannot be pickled.

    Args:
        model: its file.
        version: when that was written.
        layer: of the network.
    """
    return Embedder.load(model, layer=layer)


def _check_pictures(pictures: Any) -> Any:
    """Refuse what is no sequence of pictures."""
    if (
        isinstance(pictures, str | Path)
        or not hasattr(pictures, "__len__")
        or getattr(pictures, "ndim", 1) not in (1, 4)
    ):
        raise ValueError(
            "Give a sequence of pictures of single cells: paths, Pillow images or uint8 arrays of shape "
            "(height, width, 3); one alone as a list of one."
        )
    if not len(pictures):
        raise ValueError("Give at least one picture; there are 0 samples.")
    return pictures

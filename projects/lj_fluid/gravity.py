"""How well gamma is told from latents, from principal components and from places, and how it clusters."""

from collections.abc import Iterator

import numpy as np
from data import RECIPES, Components, Floats, Record, Study, seen_of
from fluid import by_height
from pictures import COLOURS, panels, save
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

N_FOLDS = 5
ENCODED = (
    "dense on distances",
    "convolutions on rows",
    "convolutions on rows, end in points",
    "upright points, ends in points",
)


def features(study: Study, seed: int) -> Iterator[tuple[str, Floats]]:
    """What gamma is told from, (n, numbers), of the test rows."""
    training, test = study.rows("training"), study.rows("test")
    coordinates = by_height(test.coordinates.astype(np.float64))
    if seed == study.seeds[0]:  # the same for all
        yield "mean height", coordinates[:, :, 1].mean(axis=1, keepdims=True)
        yield "coordinates", coordinates.reshape(len(test), -1)
        yield "40 components of distances", Components.of(training.pairs).latents(test.pairs, 40)
    for name in ENCODED:
        model = study.model(RECIPES[name], seed)
        yield f"latents: {name}", model.latents(seen_of(model, test))[0]


def told(values: Floats, gamma: Floats, seed: int) -> Record:
    """How well gamma (n,) is told from values (n, numbers): means over folds."""
    labels = np.unique(gamma, return_inverse=True)[1]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    regression = KFold(N_FOLDS, shuffle=True, random_state=seed)
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    trees = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    centred = StandardScaler().fit_transform(values)
    clusters = KMeans(len(np.unique(labels)), n_init=4, random_state=seed).fit_predict(centred)
    spreads = np.linalg.eigvalsh(np.atleast_2d(np.cov(values.T)))[::-1]
    return {
        "accuracy": float(cross_val_score(line, values, labels, cv=folds).mean()),
        "accuracy of trees": float(cross_val_score(trees, values, labels, cv=folds).mean()),
        "R2": float(cross_val_score(make_pipeline(StandardScaler(), Ridge()), values, gamma, cv=regression).mean()),
        "clusters": float(adjusted_rand_score(labels, clusters)),
        "first two": float(spreads[:2].sum() / spreads.sum()),
    }


def study_gamma(study: Study) -> list[Record]:
    """For each source and seed: accuracies, R2, the agreement of four clusters with gamma (adjusted Rand index), and
    the part of the variance in the first two principal components.
    """
    gamma = study.rows("test").gamma.astype(np.float64)
    found, shown = [], {}
    for seed in study.seeds:
        for name, values in features(study, seed):
            found.append({"from": name, "seed": seed, **told(values, gamma, seed)})
            if values.shape[1] > 1:
                shown.setdefault(name, values)
            study.write("gamma", found)
    figure, axes = panels(2, 3, 3.0, 2.7)
    for axis, (name, values) in zip(axes.flat, shown.items(), strict=False):
        latents = Components.of(values).latents(values, 2)
        for value, colour in zip(np.unique(gamma), COLOURS, strict=False):
            own = latents[gamma == value][:400]
            axis.scatter(*own.T, s=3, lw=0, alpha=0.6, color=colour, label=f"gamma {value:.1f}")
        axis.set_title(name.replace(": ", ":\n"), fontsize=8)
        axis.set(xticks=[], yticks=[])
    axes[0, 0].legend(fontsize=7, frameon=False, markerscale=3)
    save(figure, study.pictures / "gamma.png")
    return found

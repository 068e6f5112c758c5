"""Strange configurations: what makes them strange, and how well squared errors and bits tell them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from contacts import Contacts, bits_of
from data import RECIPES, Floats, Record, Study
from fluid import Fluid, by_height, configurations, matrices
from geometry import embedded, upright
from models import inputs_of, pairs_of
from numpy.typing import NDArray
from pictures import panels, save, steps

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.measures.roc import roc_of

N_MOVED, REACH = 4, 0.2
"""Particles that are moved in a corrupted configuration, and by how much each of their coordinates is at most."""
BLOCK = 10
"""Rows and columns of a block of a matrix that is blacked out."""
PLACE_BOUND = "abs:0.01"
TRAINED_ON = ("upright points, ends in points", "dense on distances", "convolutions on rows")
SEED_OF_STRANGE = 101


def strange(study: Study) -> Iterator[tuple[str, Floats]]:
    """Configurations float64 (n, particles, 2) of each kind, particles from the lowest to the highest."""
    ordinary = study.rows("test").coordinates.astype(np.float64)
    rng = np.random.default_rng(SEED_OF_STRANGE)
    n, n_particles, _ = ordinary.shape
    for gamma in (0.25, 2.0):
        yield f"gamma {gamma:g}", by_height(configurations(Fluid(gamma, n_particles), n // 4, SEED_OF_STRANGE))
    others = [
        configurations(Fluid(float(gamma), n_particles, powers=(4, 2)), n // 4, SEED_OF_STRANGE)
        for gamma in np.unique(study.rows("test").gamma)
    ]
    yield "other potential", by_height(np.concatenate(others))
    yield "random points", by_height(rng.uniform(0, 10, ordinary.shape))
    yield "four points moved", by_height(corrupted(ordinary, rng))


def corrupted(places: Floats, rng: np.random.Generator) -> Floats:
    """The same configurations (n, particles, 2), in each of which four particles are moved: each of their coordinates
    by a uniform number, so that the move is at most 0.2 along each axis.
    """
    found = np.array(places, np.float64)
    for one in found:
        chosen = rng.choice(len(one), N_MOVED, replace=False)
        one[chosen] += rng.uniform(-REACH, REACH, (N_MOVED, 2))
    return found


def blacked_out(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where a block and its mirror image are blacked out in each matrix (n, particles, particles): all distances of ten
    particles next to each other in height from ten others.
    """
    found = np.zeros(shape, np.bool_)
    for one in found:
        first, second = np.sort(rng.choice(shape[1] - 2 * BLOCK + 1, 2)) + np.array([0, BLOCK])
        one[first : first + BLOCK, second : second + BLOCK] = True
    return found | found.transpose(0, 2, 1)


def columns_of(places: Floats) -> dict[str, NDArray[np.float32]]:
    """The places (n, particles, 2) as columns (n,) `x00`, `y00` and so on."""
    return {
        f"{name}{i:02d}": np.ascontiguousarray(places[:, i, axis], np.float32)
        for i in range(places.shape[1])
        for axis, name in enumerate("xy")
    }


def place_codec(study: Study, seed: int) -> Codec:
    """The codec of places, an autoregressive density, fitted to the training rows."""
    networks = {"width": 32, "steps": max(20, round(1_000 * study.epochs)), "weight_cost": 0.3}
    path = study.kept(".bvmodel", networks, seed)
    if path.exists():
        return Codec.load(path)
    columns = columns_of(study.rows("training").coordinates)
    codec = baler_vae.fit(
        columns, bound=PLACE_BOUND, model="autoregressive", keep_network=True, networks=networks, seed=seed
    )
    codec.save(path)
    return codec


def restored_places(codec: Codec, places: Floats) -> Floats:
    """The places (n, particles, 2) that come back from the codec of places."""
    columns = codec.decode(codec.encode(columns_of(places)))
    found = [[np.asarray(columns[f"{name}{i:02d}"], np.float64) for name in "xy"] for i in range(places.shape[1])]
    return np.moveaxis(np.array(found), 2, 0)  # (particles, 2, n) -> (n, particles, 2)


def standing(distances: Floats) -> Floats:
    """The points (n, particles, 2) of matrices (n, particles, particles) that may be damaged: those of their Gram
    matrices, upright in the middle of the box, the lowest one on the floor.
    """
    points = upright(embedded(distances).points) + np.array([5.0, 0.0])
    points[:, :, 1] -= points[:, :, 1].min(axis=1, keepdims=True)
    return points


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of strange configurations, and ordinary ones that are made in the same way: `places` (n, particles, 2) and
    `distances` (n, particles, particles), of ordinary ones and of strange ones.
    """

    places: tuple[Floats, Floats]
    distances: tuple[Floats, Floats]


def kinds_of(study: Study) -> dict[str, Kind]:
    """All kinds by name."""
    test = study.rows("test")
    ordinary = test.coordinates.astype(np.float64)
    found = {name: Kind((ordinary, places), (test.matrices, matrices(places))) for name, places in strange(study)}
    damaged = np.where(blacked_out(test.matrices.shape, np.random.default_rng(SEED_OF_STRANGE)), 0, test.matrices)
    found["blacked-out blocks"] = Kind((standing(test.matrices), standing(damaged)), (test.matrices, damaged))
    return found


def contact_scores(contacts: Contacts, places: Floats) -> dict[str, Floats]:
    """Scores (n,) of configurations (n, particles, 2) by the bits of contacts, and one by the true potential."""
    return {
        "crowding in bits": contacts.crowding(places),
        "bits that moves save": contacts.saved(places, REACH),
        "the same of the true potential": Contacts.of_potential().saved(places, REACH),
    }


def fitted_scores(study: Study, seed: int, places: Floats, distances: Floats) -> dict[str, Floats]:
    """Scores (n,) by fits of a seed, of configurations (n, particles, 2) with distances (n, particles, particles)."""
    pairs, found = pairs_of(distances), {}
    for name in TRAINED_ON:
        model = study.model(RECIPES[name], seed)
        restored = model.restored(inputs_of(model.network.recipe.seen, distances))
        found[f"squared error, {name}"] = np.square(restored - pairs, dtype=np.float64).mean(axis=1)
    found["bits of places"] = bits_of(place_codec(study, seed), columns_of(places))
    return found


def study_anomalies(study: Study) -> list[Record]:
    """How well each score tells each kind from test rows: areas with bootstrap errors, for each seed of the fits. The
    codec of contacts has no networks, and so no seed.
    """
    contacts = Contacts.fitted(study.rows("training").coordinates)
    known: dict[tuple[int, int], dict[str, Floats]] = {}

    def scored(seed: int, places: Floats, distances: Floats) -> dict[str, Floats]:
        """The scores of a seed; ordinary configurations are scored once."""
        key = seed, id(places)
        if key not in known:
            known[key] = fitted_scores(study, seed, places, distances)
        return known[key]

    found: list[Record] = []
    drawn: dict[str, dict[str, Floats]] = {}
    kinds = kinds_of(study)
    for kind, own in kinds.items():
        for seed in study.seeds:
            usual, unusual = (scored(seed, *of) for of in zip(own.places, own.distances, strict=True))
            if seed == study.seeds[0]:
                more = [contact_scores(contacts, places) for places in own.places]
                usual, unusual = usual | more[0], unusual | more[1]
                if kind != "blacked-out blocks":
                    drawn.setdefault("ordinary", usual)
                    drawn[kind] = unusual
            for score, values in unusual.items():
                auc = roc_of(usual[score], values, seed=seed, n_bootstraps=30).auc
                medians = {"ordinary": float(np.median(usual[score])), "median": float(np.median(values))}
                found.append(
                    {"kind": kind, "score": score, "seed": seed, "AUC": auc.value, "error": auc.error} | medians
                )
            study.write("anomalies", found)
    draw(study, drawn)
    return found


SHOWN = (
    ("squared error, upright points, ends in points", True),
    ("bits of places", False),
    ("crowding in bits", False),
    ("bits that moves save", False),
)


def draw(study: Study, scores: Mapping[str, Mapping[str, Floats]]) -> None:
    """The picture: distributions of scores of each kind; what lies beyond either end is in the last bin."""
    figure, axes = panels(2, 2, 4.4, 2.8)
    for axis, (name, is_log) in zip(axes.flat, SHOWN, strict=True):
        values = {kind: np.log10(own[name]) if is_log else own[name] for kind, own in scores.items()}
        low, high = np.quantile(values["ordinary"], [0.001, 0.999])
        low, high = low - 0.3 * (high - low), high + 0.6 * (high - low)
        steps(axis, values, np.linspace(low, high, 60))
        axis.set(xlabel=f"log10 of the {name}" if is_log else name, yticks=[])
    axes[0, 1].legend(fontsize=7, frameon=False)
    save(figure, study.pictures / "anomalies.png")

"""What is said beside scores."""

from collections.abc import Mapping, Sequence

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.codec.lengths import without_lengths
from baler_vae.codec.observations import observation_variances
from baler_vae.explore.rating import Reference, SeenRows, has_elbo

_PATCHES = "bits are without those of values that are stored to the bit to keep guarantees"


def notes_of(
    codec: Codec,
    inputs: Sequence[SeenRows],
    measured: Mapping[str, Reference],
    *,
    is_training: bool,
    n_objects: int | None,
    n_samples: int,
) -> tuple[str, ...]:
    """What a reader of the scores of inputs has to know."""
    notes = [_PATCHES] if codec.guarantees else []
    for name, model in codec.models.items():
        seen = inputs[0].seen[name]
        free = () if model.decoder is None else model.decoder.columns
        without = [column for column in without_lengths(model) if column not in free]
        if without:
            notes.append(f"bits of {name} are without {', '.join(without)}: no code of their own in each row")
        if free:
            notes.append(f"{', '.join(free)}: under `free` nothing but latents is stored, which bits do not tell")
        if model.decoder is not None and has_elbo(seen):
            learnt = observation_variances(codec, name) is not None
            whose = "with variances that the objective learnt" if learnt else "with their mean squares as variances"
            notes.append(
                f"-ELBO of {name}: {n_samples} importance samples, in nats of the scores that the network sees; "
                f"residuals are normal, {whose}"
            )
        elif model.decoder is not None and seen.log_variances is not None and seen.log_variances.shape[1]:
            notes.append(f"no -ELBO of {name}: some of its latents are categories")
        cells = () if model.decoder is None else model.decoder.cells
        firsts = np.cumsum((0, *cells))[:-1]  # all cells of an array have one width
        constant = [column for column, place in zip(free, firsts, strict=True) if not measured[name].widths[place] > 0]
        if constant:
            notes.append(f"squared errors of {name} are without {', '.join(constant)}: no width, so no unit")
        if seen.latents is not None and not measured[name].has_directions:
            notes.append(f"no Mahalanobis distance of {name}: its latents do not vary")
        n_wrong = sum(int(own.seen[name].wrong.sum()) for own in inputs)
        if n_wrong:
            notes.append(f"{n_wrong:,} rows of {name} have no scores: values are not finite or beyond the network")
    if n_objects is not None and len(codec.schema.groups) > 1:
        notes.append(f"scores of events count the first {n_objects:,} rows of each collection")
    rows = "the training rows given" if is_training else "the rows scored themselves"
    of_latents = ", means and covariances of latents, widths of columns and mean squares of residuals"
    has_latents = any(seen.latents is not None for seen in inputs[0].seen.values())
    notes.append(f"means and deviations of bits{of_latents if has_latents else ''} are those of {rows}")
    return tuple(notes)

"""What an archive says of how it came about. No value depends on it, so whatever is not of the type that a writer of
ours gives it is left out, and the rows are read all the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from baler_vae.archive.collection_manifest import CollectionManifest
from baler_vae.archive.manifest import Manifest

_LARGEST = 1 << 63
"""Beyond any number of rows or bytes."""


def settings_of(manifest: Manifest | CollectionManifest) -> dict[str, Any]:
    """The settings that repeat the run: `columns`, `bound`, `whole_numbers` and `rounded_whole_numbers` are lists of
    texts, `model` is a table whose `kind` is a text, `skipped` a table of texts, as far as they are there.
    """
    found = dict(manifest.settings)
    for name, is_right in _TYPES.items():
        if name in found and not is_right(found[name]):
            del found[name]
    return found


def fits_of(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What the fit of each group says of itself, by group."""
    return {name: fit for name, fit in manifest.fits.items() if isinstance(fit, dict)}


def number_of(fit: Mapping[str, Any], name: str) -> float | None:
    """A number that a fit found; None where it does not tell, or tells none."""
    found = fit.get(name)
    if not isinstance(found, int | float) or isinstance(found, bool) or abs(found) >= _LARGEST:
        return None
    return float(found)


def whole_numbers(found: object, first: Iterable[str] = ()) -> dict[str, int]:
    """Whole numbers by name, those of some names first; without what is none."""
    named = found if isinstance(found, dict) else {}
    ordered = {name: named[name] for name in first if name in named} | named
    return {name: number for name, number in ordered.items() if isinstance(number, int) and abs(number) < _LARGEST}


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(text, str) for text in found)


def _is_model(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("kind", ""), str)


def _is_table_of_texts(found: object) -> bool:
    return isinstance(found, dict) and _are_texts(list(found.values()))


_TYPES = {
    **dict.fromkeys(("columns", "bound", "whole_numbers", "rounded_whole_numbers"), _are_texts),
    "model": _is_model,
    "skipped": _is_table_of_texts,
}

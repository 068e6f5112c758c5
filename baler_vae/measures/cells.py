"""Arrays in the rows of columns, as measures of columns of numbers take them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, NDArray[np.generic]]


def cell_means(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values (rows,) as they are; of arrays (rows, *shape) the mean over the cells of each row, float64 (rows,)."""
    if values.ndim == 1:
        return values
    means: NDArray[np.float64] = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    return means


def by_means(columns: Values) -> dict[str, NDArray[np.generic]]:
    """Columns (rows,), with the means of their cells in place of arrays (rows, *shape)."""
    return {name if values.ndim == 1 else f"{name} (mean)": cell_means(values) for name, values in columns.items()}


def by_cells(columns: Values) -> dict[str, NDArray[np.generic]]:
    """Columns (rows,), with a column for each cell in place of arrays (rows, *shape): `image[0][1]`."""
    found: dict[str, NDArray[np.generic]] = {}
    for name, values in columns.items():
        if values.ndim == 1:
            found[name] = values
            continue
        cells = values.reshape(len(values), -1)
        places = np.ndindex(*values.shape[1:])
        found |= {name + "".join(f"[{i}]" for i in place): cells[:, number] for number, place in enumerate(places)}
    return found


def as_matrix(columns: Values) -> NDArray[np.float64]:
    """Values float64 (rows, columns), those of the cells of arrays (rows, *shape) in C order where their column is."""
    parts = [values.reshape(len(values), -1).astype(np.float64) for values in columns.values()]
    return np.hstack(parts)


def first_rows(columns: Values, most_values: int) -> slice:
    """The first rows of columns, as many as have at most so many values where some are arrays; all where none are."""
    n_values = sum(values[:1].size for values in columns.values())
    if all(values.ndim == 1 for values in columns.values()) or not n_values:
        return slice(None)
    return slice(0, max(1, most_values // n_values))

"""Which columns have their cells centred on what their formula predicts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from baler_vae.fitting import policy
from baler_vae.fitting.relations import Numeric, difference_bits, parents_of
from baler_vae.grid.centred import centred
from baler_vae.grid.codes import predict_codes, quantise_column
from baler_vae.kinematics.formula import Formula
from baler_vae.model.order import in_order

if TYPE_CHECKING:
    from baler_vae.fitting.rows import GroupRows


def with_centres(rows: "GroupRows", followed: Mapping[str, Formula]) -> "GroupRows":
    """The rows with cells of columns centred on what the formulas that they follow, by name, predict, where differences
    from predictions take fewer bits so. What guarantees of quantities read stays as it is.
    """
    arrays = {**rows.others, **{name: column.values for name, column in rows.numeric.items()}}
    numeric, independent = dict(rows.numeric), dict(rows.independent)
    for name in in_order(rows.names, set(rows.names), parents_of(rows.names, followed)):
        bound = rows.bounds.get(name)
        if name not in followed or bound is None or bound.dither or name in rows.held:
            continue
        column, grid = numeric[name], centred(numeric[name].grid)
        if grid is None:
            continue
        numbers = followed[name].evaluate(arrays)
        kept = independent[name]
        dtype = column.values.dtype
        predicted = predict_codes(numbers, column.grid, dtype, column.rows)
        still = difference_bits(column.codes, predicted.codes, column.grid)
        still += 0.0 if kept.codes is None else kept.codes.verbatim_bits
        predicted = predict_codes(numbers, grid, dtype)
        codes = quantise_column(rows.table[name], predicted.grid, bound)
        bits = difference_bits(codes.codes, predicted.codes, grid) + codes.verbatim_bits
        pays = bits < kept.bits / rows.weight * (1 - policy.LEAST_FORMULA_SAVING)
        if pays and bits < still * (1 - policy.LEAST_CENTRING_SAVING):
            numeric[name] = Numeric(codes.restored, codes.codes, grid, column.rows)
            independent[name] = replace(kept, codes=codes)
            arrays[name] = codes.restored
    return replace(rows, numeric=numeric, independent=independent)

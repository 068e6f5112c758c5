"""Whether compiled loops are worth loading: that takes half a second, in which Python reads many codes itself."""

import sys
from typing import Final

FEW_IN_CONTEXT: Final = 1 << 17
"""Codes under tables in context up to which loops of Python take less than loading compiled ones: 1.2 us each."""
FEW_ALONE: Final = 1 << 20
"""Codes under one table, or on a grid, of which NumPy makes codes or values, up to which it takes less."""


def kernels_pay(n_codes: int, few: int) -> bool:
    """Whether so many codes are to be read by compiled loops: where they are loaded, or codes are not `few`."""
    return n_codes > few or "numba" in sys.modules


def load_kernels(n_codes: int) -> None:
    """Loads compiled loops if so many codes under tables in context, of all columns that are read, make that worth it:
    each column alone may have few.
    """
    if kernels_pay(n_codes, FEW_IN_CONTEXT):
        import baler_vae.entropy.lane_kernels  # noqa: F401, PLC0415 - numba takes long to import

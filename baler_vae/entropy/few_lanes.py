"""What `lane_kernels` does to read codes, without anything compiled: for few rows."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.lanes import FIRST_ALONE, LARGEST_BASE, LEAST_STATE, SPECIAL_LIMIT

if TYPE_CHECKING:
    from baler_vae.entropy.lane_kernels import PackedAlphabet, PackedFactor, PackedTables

Integers64 = NDArray[np.int64]

_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def add_factor(
    contexts: NDArray[np.uint16], codes: Integers64, previous: Integers64, base: Integers64, factor: "PackedFactor"
) -> None:
    """As the kernel of that name."""
    shift, first, added, missing = factor
    looked_at = codes[np.maximum(previous, 0)] if len(previous) else codes
    if len(base):
        looked_at = looked_at - base
    found = added[np.clip(looked_at >> shift, first, first + len(added) - 1) - first]
    contexts += np.where(previous >= 0, found, np.uint16(missing)) if len(previous) else found


def fill_base(base: Integers64, codes: Integers64, previous: Integers64) -> None:
    """As the kernel of that name."""
    looked_at = codes[np.maximum(previous, 0)] if len(previous) else codes
    kept = (looked_at <= LARGEST_BASE) & (looked_at >= -LARGEST_BASE)
    if len(previous):
        kept &= previous >= 0
    base[:] = np.where(kept, looked_at, 0)


def decode_lanes(  # noqa: C901, PLR0912  one loop, as in the kernel
    codes: Integers64,
    contexts: NDArray[np.uint16],
    table_of: NDArray[np.uint8],
    alphabet: "PackedAlphabet",
    tables: "PackedTables",
    starts: Integers64,
    words: NDArray[np.uint16],
    word_places: Integers64,
    bits: NDArray[np.uint64],
    states: NDArray[np.uint32],
    bit_places: Integers64,
    limits: Integers64,
    previous: Integers64,
    base: Integers64,
    holds_everything: bool,
    own_base: bool,
    own_factor: bool,
    factor: "PackedFactor",
    alone: Integers64,
) -> int:
    """As the kernel of that name; an event does not lie in two lanes."""
    # Python reads its own numbers several times as fast as those of arrays.
    slots, frequencies, firsts = tables[0].tobytes(), tables[1].tolist(), tables[2].tolist()
    n_symbols, slot_bits = tables[3:]
    range_starts, range_widths = [*alphabet[0].tolist(), 0], [*alphabet[1].tolist(), 64]
    shift, first, added, missing = factor[0], factor[1], factor[2].tolist(), factor[3]
    last, mask, of_contexts = first + len(added) - 1, (1 << slot_bits) - 1, table_of.tobytes()
    all_words, all_bits, (n_words, n_bits) = words.tolist(), bits.tolist(), limits.tolist()
    lagged, stand_alone = own_base or own_factor, alone.tolist()
    bases = base.tolist() if len(base) else [0] * len(codes)
    known, preceding, found = contexts.tolist(), previous.tolist(), [0] * len(codes)
    for lane in range(len(starts) - 1):
        state, at, bit = int(states[lane]), int(word_places[lane]), int(bit_places[lane])
        for row in range(int(starts[lane]), int(starts[lane + 1])):
            context, less = known[row], bases[row]
            if lagged:
                source = preceding[row]
                if source >= 0:
                    before = found[source]
                    if own_factor:
                        context += added[min(max(before >> shift, first), last) - first]
                    if own_base and -LARGEST_BASE <= before <= LARGEST_BASE:
                        less = before
                elif own_factor:
                    context += missing
            table, slot = of_contexts[context], state & mask
            symbol = slots[(table << slot_bits) + slot]
            entry = table * n_symbols + symbol
            state = frequencies[entry] * (state >> slot_bits) + slot - firsts[entry]
            if state < LEAST_STATE:
                if at >= n_words:
                    return -1
                state = state << 16 | all_words[at]
                at += 1
            code, width = range_starts[symbol], range_widths[symbol]
            if width:
                if bit + width > n_bits:
                    return -1
                word, inside = bit >> 6, bit & 63
                offset = all_bits[word] >> inside | all_bits[word + 1] << 64 - inside
                code += offset & (1 << width) - 1
                bit += width
                if width == 64:
                    code -= (code & _SIGN) << 1
            if holds_everything or code > SPECIAL_LIMIT:
                number = code - FIRST_ALONE
                if not holds_everything and 0 <= number < len(stand_alone):
                    code = stand_alone[number]
                else:  # modulo 2^64
                    code = (code + less + _SIGN & _ALL) - _SIGN
            found[row] = code
        states[lane], word_places[lane], bit_places[lane] = state, at, bit
    codes[:] = found
    return 0

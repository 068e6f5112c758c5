"""pcodec at its highest level: of the codes on our integer grid, and of truncated floats."""

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from benchmarks.rivals.by_column import Coder, on_grid, truncating

CODER = Coder(encode_numbers, decode_numbers)

RIVALS = (
    on_grid("grid + pcodec", "our integer grid, pcodec level 12", CODER),
    truncating("truncation + pcodec", "mantissa truncation, pcodec level 12", CODER),
)

"""Who changes sides of a cut."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Migration:
    """Of `n` rows or events, `n_before` pass the cut before, `n_after` after; `n_out` no longer do, `n_in` newly do."""

    cut: str
    at_least: int | None
    of: Literal["rows", "events"]
    n: int
    n_before: int
    n_after: int
    n_out: int
    n_in: int

    @property
    def percent(self) -> float | None:
        """100 (n_out + n_in) / n_before; None where nothing passed."""
        return 100 * (self.n_out + self.n_in) / self.n_before if self.n_before else None

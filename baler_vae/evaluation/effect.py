"""How far one number moved."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """How far `what` of a column, quantity or cut, by `name`, moves, in its statistical errors: `in_errors`."""

    name: str
    what: str
    in_errors: float

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.what

    def __str__(self) -> str:
        return f"{self.what} of {self.name}"


def largest(effects: list[Effect]) -> Effect | None:
    """The largest effect, the first of equal ones; None where there is none."""
    return max(effects, key=lambda effect: effect.in_errors, default=None)

"""The order in which what depends on each other can be known."""

from collections.abc import Iterable, Mapping


def in_order(names: Iterable[str], chosen: set[str], parents: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The chosen names, each after its parents, otherwise in the order of `names`.

    Raises:
        ValueError: some depend on each other.
    """
    ordered: dict[str, None] = {}
    opened: set[str] = set()
    for root in (name for name in names if name in chosen):
        waiting = [root]
        while waiting:
            name = waiting[-1]
            missing = [] if name in ordered else sorted(parents[name] - ordered.keys())
            if name in opened and missing:
                raise ValueError(f"columns depend on each other: {name!r} and {missing[0]!r}")
            if missing:
                opened.add(name)
                waiting += missing
            else:
                ordered[name] = None
                opened.discard(name)
                waiting.pop()
    return tuple(ordered)

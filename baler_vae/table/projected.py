"""Collections of records in RNTuples whose fields other branches show: stored once, and read as these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProjectedCollection:
    """The field `name` of an RNTuple, described by `title`, that holds lists of records and stood behind `place`
    others: each of `members`, a field of a record and a branch, is a list of its own by projection, and the branch
    `counter`, where there is one, the number of records.
    """

    name: str
    members: tuple[tuple[str, str], ...]
    counter: str = ""
    title: str = ""
    place: int = 0

    def __post_init__(self) -> None:
        if not self.name or not self.members or not all(field for field, _ in self.members):
            raise ValueError(f"the collection {self.name!r}, or a member of it, has no name")
        fields, branches = {field for field, _ in self.members}, set(self.branches)
        if len(fields) != len(self.members) or len(branches) != len(self.members) or self.counter in branches:
            raise ValueError(f"two members of the collection {self.name!r} have one name or branch")

    @property
    def branches(self) -> tuple[str, ...]:
        """The branch of each member."""
        return tuple(branch for _, branch in self.members)

    @property
    def projections(self) -> tuple[str, ...]:
        """All branches that are projections of it."""
        return (*self.branches, *([self.counter] if self.counter else []))


def check_projected(collections: tuple[ProjectedCollection, ...]) -> None:
    """Check that no two collections have the same name, or a branch in common.

    Raises:
        ValueError: two have.
    """
    names = [made.name for made in collections]
    branches = [name for made in collections for name in made.projections]
    if len(set(names)) != len(names) or len(set(branches)) != len(branches) or set(names) & set(branches):
        raise ValueError("two collections of records, or branches of them, have one name")

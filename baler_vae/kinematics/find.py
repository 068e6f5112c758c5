"""Which columns follow from others: proposed by their names, confirmed by their numbers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.kinematics import four_vectors
from baler_vae.kinematics.arithmetic import Floats64
from baler_vae.kinematics.formula import Formula, parse_formula
from baler_vae.kinematics.four_vectors import KNOWN_MASSES, momentum_forms, norm_of
from baler_vae.kinematics.linear import Linear, linear_relation, linear_relations, multiples
from baler_vae.kinematics.names import (
    Object,
    difference_of,
    is_missing_momentum,
    is_pair_mass,
    is_transverse_mass,
    objects_by_place,
    objects_of,
    pairs_of,
    read_name,
)
from baler_vae.kinematics.sample import FEWEST_ROWS, FormulaSample
from baler_vae.table.schema import common_prefix

LARGEST_ERROR: Final = 0.05
"""The largest error of a relation, in units of the typical distance from the median. Chosen by hand; not measured."""
MOST_PER_TARGET: Final = 8
"""The most relations of a column: further ones would be variants. Chosen by hand; not measured."""

_PRECISE = 1e-3
"""The error below which a relation counts as exact but for rounding. Chosen by hand; not measured."""
_MOST_PAIRS = 12
"""The most pairs of objects, so that the time stays linear in the columns."""
_MOST_TARGETS = 32
"""The most targets of a kind that are tried for a pair, for the same reason."""
_LIKELIEST = 4
"""The known masses that fit best on a few rows, which are tried on all. Chosen by hand; not measured."""
_GROUP = 24
"""The most columns among which sums are looked for: the time grows with the square."""
_LIGHT = tuple(map(repr, KNOWN_MASSES[:7]))
"""The masses to try for two objects whose own columns do not determine it."""


@dataclass(frozen=True)
class Relation:
    """A column that follows from others.

    `error` is the median of abs(predicted - value) on the sample, in units of how far values typically lie from their
    median (the median of that).
    """

    target: str
    formula: Formula
    error: float


def find_relations(arrays: Mapping[str, NDArray[np.generic]], targets: Collection[str] | None = None) -> list[Relation]:
    """The relations that hold on a sample of rows, target by target in the order of the columns, at most 8 of each, the
    most precise first; those of some `targets` only, where they are given. A formula never reads its own target; two
    may read each other's.

    `arrays` maps names to values (rows,) of one length, whatever they are; columns that are not numbers are passed
    over. The time grows linearly with the number of columns.
    """
    with np.errstate(all="ignore"):
        sample = FormulaSample(arrays)
        if sample.n_rows < FEWEST_ROWS or len(sample.columns) < 2:
            return []
        search = _Search(sample, sample.columns.keys() if targets is None else targets)
        for members in search.objects.values():
            search.try_energy(members)
            search.try_all((members[kind], text) for kind, text in four_vectors.one_object(members))
            search.try_sums(members)
        for members in search.guesses:
            search.try_energy(members)
            search.try_all((members[kind], text) for kind, text in four_vectors.one_object(members))
        search.try_linear()
        seen = [key for key in search.objects if not is_missing_momentum(key)]
        for one, two in pairs_of(filter(search.has_direction, seen), _MOST_PAIRS):
            search.try_pair(one, two)
        search.try_transverse_masses(seen)
        return search.relations()


class _Search:
    """The relations found so far on a sample.

    `objects` maps the names of objects to their quantities, as texts in formulas; `guesses` are objects without names;
    `members` maps prefixes to the names of columns that are not constant. Relations of `targets` alone are kept.
    """

    def __init__(self, sample: FormulaSample, targets: Collection[str]) -> None:
        self.sample, self.targets = sample, targets
        texts = {name: text for text, name in sample.names.items()}
        self.texts = texts
        self.objects: dict[str, Object] = {
            key: {kind: texts[name] for kind, name in members.items()}
            for key, members in objects_of(sample.columns).items()
        }
        guesses = objects_by_place(sample.columns)
        self.guesses: list[Object] = [{kind: texts[name] for kind, name in own.items()} for own in guesses]
        self.members: dict[str, list[str]] = {}
        for name, column in sample.columns.items():
            if column.spread:
                self.members.setdefault(common_prefix(name), []).append(name)
        self.masses: list[str] = []
        self.found: dict[str, dict[str, Relation]] = {}

    def relations(self) -> list[Relation]:
        """What was found, in order."""
        found = []
        for name in self.sample.columns:
            own = self.found.get(name, {}).values()
            found += sorted(own, key=lambda each: (each.error, len(each.formula.text)))[:MOST_PER_TARGET]
        return found

    def try_all(self, proposals: Iterable[tuple[str, str]]) -> None:
        """Keeps those of some pairs of a target and a formula, both as text, that the numbers confirm."""
        known: dict[str, tuple[Formula, Floats64] | None] = {}
        for target_text, text in proposals:
            target = self.sample.names.get(target_text)
            if target is None or target not in self.targets or not self.sample.columns[target].spread:
                continue
            if text not in known:
                known[text] = self.evaluated(text)
            evaluated = known[text]
            if evaluated is None:
                continue
            formula, predicted = evaluated
            own = self.found.setdefault(target, {})
            if target in formula.names or formula.text in own:
                continue
            if self.sample.error_on_few(target, predicted) < 2 * LARGEST_ERROR:
                error = self.sample.error(target, formula)
                if error < LARGEST_ERROR:
                    own[formula.text] = Relation(target, formula, error)

    def evaluated(self, text: str) -> tuple[Formula, Floats64] | None:
        """A formula and its results on a few rows, or None where names make it too long to be one."""
        try:
            formula = parse_formula(text)
        except UsageError:
            return None
        return formula, self.sample.evaluate_few(formula)

    def try_best(self, target_text: str, texts: Sequence[str]) -> None:
        """Tries that one of some formulas which is the best on a few rows."""
        target = self.sample.names[target_text]
        wanted = texts if target in self.targets else ()
        known = [(evaluated[1], text) for text in wanted if (evaluated := self.evaluated(text))]
        if known:
            best = min(known, key=lambda each: self.sample.error_on_few(target, each[0]))
            self.try_all([(target_text, best[1])])

    def try_energy(self, members: Object) -> None:
        """Tries the energy of an object under the one mass that fits it best."""
        forms = {form: self.evaluated(norm_of(form)) for form in momentum_forms(members)} if "e" in members else {}
        energy = self.sample.columns[self.sample.names[members["e"]]] if forms else None
        if energy is None or not energy.spread:
            return
        fits = [self.best_mass(members["e"], *momentum) for momentum in forms.values() if momentum]
        error, mass = min(fits, default=(np.inf, 0.0))
        for form in forms if error < np.inf else ():
            self.try_all([(members["e"], norm_of(form, repr(mass) if mass else ""))])
            if error > _PRECISE:
                self.try_all([(members["e"], norm_of(form))])
        if error < _PRECISE and mass and repr(mass) not in self.masses:
            self.masses.append(repr(mass))

    def best_mass(self, energy_text: str, formula: Formula, few: Floats64) -> tuple[float, float]:
        """The least error with which a mass leads from momenta to energies, and that mass: a known one if that is
        precise, else none or a round number. `few` are the momenta of a few rows (few rows,).
        """
        name = self.sample.names[energy_text]
        energy, momentum = self.sample.columns[name], self.sample.evaluate(formula)
        known = [0.0, *KNOWN_MASSES, *(float(f"{1000 * mass:.12g}") for mass in KNOWN_MASSES)]
        known.sort(key=lambda mass: self.sample.error_on_few(name, np.sqrt(few * few + mass * mass)))

        def best(masses: list[float]) -> tuple[float, float]:
            return min((energy.error(np.sqrt(momentum * momentum + mass * mass)), mass) for mass in masses)

        precise = best(known[:_LIKELIEST])
        if precise[0] < _PRECISE:
            return precise
        square = float(np.nanmedian((energy.values - momentum) * (energy.values + momentum)))
        return best([0.0, float(f"{np.sqrt(square):.3g}")] if 0 < square < np.inf else [0.0])

    def try_sums(self, members: Object) -> None:
        """Tries whether columns other than those of an object add up to an energy that is not among them."""
        forms = momentum_forms(members)
        if "e" in members or not forms:
            return
        prefix = common_prefix(self.sample.names[next(iter(members.values()))])
        names = [name for name in self.members.get(prefix, ()) if self.texts[name] not in members.values()]
        names = sorted(names, key=lambda name: "energy" not in name.lower())[:_GROUP]
        for mass in [*([members["m"]] if "m" in members else []), ""]:
            energy = self.evaluated(norm_of(forms[0], mass))
            if energy is None or not names:
                return
            columns = [self.sample.evaluate(energy[0]), *(self.sample.columns[name].values for name in names)]
            relation = linear_relation(columns, 0)
            if relation is not None and len(relation.terms) > 1:
                texts = [energy[0].text, *(self.texts[name] for name in names)]
                self.try_all((texts[each.target], each.text(texts)) for each in relation.solved()[1:])
                whole = {**members, "e": f"({relation.text(texts)})"}
                self.try_all((whole[kind], text) for kind, text in four_vectors.one_object(whole) if kind != "e")
                return

    def try_linear(self) -> None:
        """Tries sums, differences and multiples of columns that belong together by their names."""
        kinds: dict[str, list[str]] = {}
        for members in self.members.values():
            for name in members:
                place = read_name(name)
                kinds.setdefault(place[1] if place else "", []).append(name)
        kinds.pop("", None)
        alone = [members[0] for members in self.members.values() if len(members) == 1]
        together = [members for members in self.members.values() if len(members) > 1]
        for members in [alone, *together, *kinds.values()]:
            for start in range(0, len(members), _GROUP):
                self.keep_linear(members[start : start + _GROUP], linear_relations)
        self.keep_linear([name for members in self.members.values() for name in members], multiples)

    def keep_linear(self, names: list[str], method: Callable[[list[Floats64], Sequence[bool]], list[Linear]]) -> None:
        wanted = [name in self.targets for name in names]
        relations = method([self.sample.columns[name].values for name in names], wanted) if any(wanted) else []
        texts = [self.texts[name] for name in names]
        solved = [each for relation in relations for each in relation.solved()]
        self.try_all((texts[each.target], each.text(texts)) for each in solved)

    def has_direction(self, key: str) -> bool:
        return bool({"pt", "px", "phi", "eta"} & set(self.objects[key]))

    def try_pair(self, one: str, two: str) -> None:
        """Tries the quantities of pairs of objects of a row."""
        first, second = self.objects[one], self.objects[two]
        own = {*first.values(), *second.values()}
        masses = [text for name, text in self.texts.items() if _may_be_mass(name) and text not in own]
        for texts in four_vectors.pair_masses(first, second, self.masses or _LIGHT):
            for target in masses[:_MOST_TARGETS]:
                self.try_best(target, texts)
        for kind, text in four_vectors.pair_differences(first, second):
            targets = [target for name, target in self.texts.items() if difference_of(name) == kind]
            self.try_all((target, text) for target in targets[:_MOST_TARGETS])
        others = [members for key, members in self.objects.items() if key not in {one, two}][:_MOST_TARGETS]
        for kind, text in four_vectors.pair_quantities(first, second):
            self.try_all((members[kind], text) for members in others if kind in members)

    def try_transverse_masses(self, seen: list[str]) -> None:
        """Tries the transverse masses of objects with the missing momentum."""
        targets = [text for name, text in self.texts.items() if is_transverse_mass(name)][:_MOST_TARGETS]
        missing = [key for key in self.objects if is_missing_momentum(key) and self.has_direction(key)][:2]
        for key in seen[:_MOST_TARGETS] if targets else ():
            for other in missing:
                text = four_vectors.transverse_mass(self.objects[key], self.objects[other])
                self.try_all((target, text) for target in targets if text)


def _may_be_mass(name: str) -> bool:
    place = read_name(name)
    return is_pair_mass(name) if place is None else place[1] == "m"

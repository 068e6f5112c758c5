"""Guarantees as they are asked for and stored."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baler_vae.errors import UsageError, nearest
from baler_vae.kinematics.formula import parse_formula
from baler_vae.kinematics.selection_grammar import parse_cut
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import QuantitySettings
from baler_vae.settings.guarantees import GuaranteeSettings
from baler_vae.table.bounds import bound_of_text, parse_bound

Asked = GuaranteeSettings | Mapping[str, Any] | str
Declared = QuantitySettings | Mapping[str, Any]

_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")


@dataclass(frozen=True)
class Guarantee:
    """A cut, with `at_least` rows of an event, or a quantity, by name, and the text of its bound: one in explicit
    numbers once a codec is fitted.
    """

    cut: str | None = None
    at_least: int | None = None
    quantity: str | None = None
    bound: str | None = None

    @property
    def text(self) -> str:
        """The guarantee in one line."""
        if self.cut is not None:
            return self.cut if self.at_least is None else f"at least {self.at_least} of {self.cut}"
        return f"{self.quantity} within {self.bound}"

    def described(self) -> dict[str, Any]:
        """The guarantee in plain values."""
        found = {"cut": self.cut, "at_least": self.at_least, "quantity": self.quantity, "bound": self.bound}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Guarantees:
    """All guarantees, and the quantities that they are about, each after those that it follows from."""

    quantities: tuple[QuantitySettings, ...] = ()
    promised: tuple[Guarantee, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.promised)

    @classmethod
    def of(cls, asked: Iterable[Asked], declared: Sequence[Declared] = ()) -> "Guarantees":
        """Guarantees as they are asked for, and the quantities that are declared.

        A text is a cut, or ``QUANTITY=BOUND``, where the quantity is the name of a declared one or a formula.

        Raises:
            UsageError: one is no guarantee, or names a quantity that is neither declared nor a formula.
        """
        quantities = [check_settings(QuantitySettings, dict(one)) for one in declared]
        known = {quantity.name: quantity for quantity in quantities}
        own: dict[str, QuantitySettings] = {}
        promised = []
        for one in asked:
            settings = _settings_of(one)
            if settings.cut is not None:
                parse_cut(settings.cut)
                promised.append(Guarantee(settings.cut, settings.at_least))
            else:
                quantity = _quantity_of(settings.quantity, known | own)
                own.setdefault(quantity.name, quantity)
                if own[quantity.name] != quantity:
                    raise UsageError(
                        f"two quantities have the name {quantity.name!r}", way_out="Give one of them another name"
                    )
                promised.append(Guarantee(quantity=quantity.name, bound=_bound_of(settings.bound or "")))
        return cls(_needed(own, known, promised), tuple(dict.fromkeys(promised)))

    def exactly(self) -> "Guarantees":
        """The same with exact bounds, whatever rows tell of them."""
        exact = (one if one.bound is None else replace(one, bound="exact") for one in self.promised)
        return replace(self, promised=tuple(exact))

    def only(self, chosen: Iterable[Guarantee]) -> "Guarantees":
        """Some of the guarantees, and the quantities that they are about."""
        promised = tuple(chosen)
        every = {quantity.name: quantity for quantity in self.quantities}
        own = {one.quantity: every[one.quantity] for one in promised if one.quantity is not None}
        return Guarantees(_needed(own, every, promised), promised)

    def definitions(self, one: Guarantee) -> tuple[str, ...]:
        """What the quantities are that a guarantee is about, one line each: all but formulas that are their own
        names.
        """
        return tuple(
            _definition(quantity) for quantity in self.only([one]).quantities if quantity.formula != quantity.name
        )

    def described(self) -> dict[str, Any] | None:
        """The guarantees in plain values, None where there are none; `of_document` gives the same back."""
        if not self:
            return None
        quantities = [one.model_dump(mode="json", exclude_defaults=True) for one in self.quantities]
        return {"quantities": quantities, "promised": [one.described() for one in self.promised]}

    @classmethod
    def of_document(cls, document: object) -> "Guarantees":
        """The guarantees that a manifest stores.

        Raises:
            ValueError: they are none that this version knows.
        """
        if not isinstance(document, Mapping) or document.keys() != {"quantities", "promised"}:
            raise ValueError("it does not say what is guaranteed")
        try:
            quantities = tuple(check_settings(QuantitySettings, dict(one)) for one in document["quantities"])
            asked = [check_settings(GuaranteeSettings, dict(one)) for one in document["promised"]]
            promised = tuple(map(_stored, asked))
        except (TypeError, ValueError, UsageError) as error:
            raise ValueError(f"it guarantees what this version does not know: {error}") from error
        names = {quantity.name for quantity in quantities}
        if any(one.quantity is not None and one.quantity not in names for one in promised):
            raise ValueError("it guarantees a quantity that it does not define")
        return cls(quantities, promised)


def _definition(quantity: QuantitySettings) -> str:
    """What a quantity is, in the words of a project."""
    if quantity.formula is not None:
        return f"{quantity.name} = {quantity.formula}"
    said = quantity.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    return f"{quantity.name}: " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in said.items())


def _settings_of(asked: Asked) -> GuaranteeSettings:
    if isinstance(asked, GuaranteeSettings):
        return asked
    if isinstance(asked, Mapping):
        return check_settings(GuaranteeSettings, dict(asked))
    found = list(_EQUALS.finditer(asked))
    if not found:
        return GuaranteeSettings(cut=asked)
    last = found[-1]
    return GuaranteeSettings(quantity=asked[: last.start()].strip(), bound=asked[last.end() :].strip())


def _quantity_of(asked: str | QuantitySettings | None, known: Mapping[str, QuantitySettings]) -> QuantitySettings:
    """A quantity by its name or formula."""
    if isinstance(asked, QuantitySettings):
        return asked
    if asked is not None and asked in known:
        return known[asked]
    try:
        formula = parse_formula(asked or "")
    except UsageError as error:
        raise UsageError(
            f"{asked!r} is neither the name of a declared quantity nor a formula: {nearest(asked or '', known)}",
            way_out="Declare it under [[evaluation.quantities]], or write a formula of columns",
        ) from error
    return QuantitySettings(name=formula.text, formula=formula.text)


def _bound_of(text: str) -> str:
    """The text of a bound of a quantity."""
    rule = parse_bound(text)
    if rule.pattern is not None or rule.kind == "free" or "dither" in text:
        raise UsageError(f"{text!r} is not a bound of a quantity", way_out="Write, say, rel:1e-3, abs:0.1 or exact")
    return text if rule.kind == "range" else bound_of_text(text).text


def _stored(settings: GuaranteeSettings) -> Guarantee:
    """A guarantee of a manifest."""
    if settings.cut is not None:
        parse_cut(settings.cut)
        return Guarantee(settings.cut, settings.at_least)
    if not isinstance(settings.quantity, str):
        raise TypeError("a quantity without a name")
    return Guarantee(quantity=settings.quantity, bound=bound_of_text(settings.bound or "").text)


def _needed(
    own: Mapping[str, QuantitySettings], known: Mapping[str, QuantitySettings], promised: Sequence[Guarantee]
) -> tuple[QuantitySettings, ...]:
    """The quantities that are guaranteed, and those that they, and cuts, are made of, in the order of declaration."""
    every = {**known, **own}
    wanted: dict[str, None] = {}
    waiting = [*own]
    for one in promised:
        if one.cut is not None:
            waiting += [name for name in every if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", one.cut)]
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        wanted[name] = None
        formula = every[name].formula
        if formula is not None:
            waiting += [read for read in parse_formula(formula).names if read in every and read != name]
    return tuple(every[name] for name in every if name in wanted)

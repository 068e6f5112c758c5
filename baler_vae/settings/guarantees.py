"""What is guaranteed beyond the bounds of columns."""

from typing import Annotated, Any

from pydantic import Field, model_serializer, model_validator

from baler_vae.settings.checking import Settings
from baler_vae.settings.evaluation import QuantitySettings


class GuaranteeSettings(Settings):
    """One guarantee: a cut that no row, or no event, changes sides of; or a quantity that keeps a bound of its own.

    Attributes
    ----------
    cut : str, optional
        The cut, such as ``(Jet_pt > 30) & (abs(Jet_eta) < 2.4)``.
    at_least : int, optional
        Rows of an event that must pass for the event to pass; by default the decision on each row is kept.
    quantity : str or QuantitySettings, optional
        The quantity: the name of one that is declared, a formula, or the quantity itself.
    bound : str, optional
        The bound of the quantity, such as ``rel:1e-4``, for every row or event that has a value; where there is none,
        there is none after.
    """

    cut: str | None = None
    at_least: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    quantity: str | QuantitySettings | None = None
    bound: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "GuaranteeSettings":
        if (self.cut is None) is (self.quantity is None):
            raise ValueError("A guarantee should have either a cut or a quantity")
        if (self.bound is None) is not (self.quantity is None):
            raise ValueError("A guarantee on a quantity should have a bound, one on a cut none")
        if self.cut is None and self.at_least is not None:
            raise ValueError("Only a guarantee on a cut can have at_least")
        return self

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: Any) -> dict[str, Any]:  # noqa: ANN401  of pydantic
        found: dict[str, Any] = serialize(self)
        return {name: value for name, value in found.items() if value is not None}

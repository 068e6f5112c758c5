"""What a source says of its columns, as parameters of awkward arrays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from baler_vae.errors import UsageError

if TYPE_CHECKING:
    from baler_vae.reader.column import ArchiveColumn


def documented(found: Any, columns: "Sequence[ArchiveColumn]", title: str, ak_add_doc: bool | dict[str, str]) -> Any:  # noqa: ANN401  as `found`
    """The same array of records, or dict of arrays, with what its columns say as parameters; anything else as it is.

    Raises:
        UsageError: columns have no such attribute.
    """
    import awkward as ak  # noqa: PLC0415  light import

    wanted = ak_add_doc if isinstance(ak_add_doc, dict) else {"__doc__": "title"}
    arrays = found if isinstance(found, dict) else None
    if isinstance(found, ak.Array):
        arrays = {name: found[name] for name in found.fields}
    if arrays is None or not all(isinstance(array, ak.Array) for array in arrays.values()):
        return found
    for column in columns:
        for key, attribute in wanted.items():
            if column.name in arrays:
                arrays[column.name] = ak.with_parameter(arrays[column.name], key, _text(column, attribute))
    if isinstance(found, dict):
        return arrays
    records = ak.zip(arrays, depth_limit=1)
    return ak.with_parameter(records, "__doc__", title) if "__doc__" in wanted else records


def _text(column: "ArchiveColumn", attribute: str) -> str:
    if attribute.startswith("_") or not hasattr(column, attribute):
        raise UsageError(f"a column has no attribute {attribute!r}", expected="title, typename, bound or the like")
    return str(getattr(column, attribute))

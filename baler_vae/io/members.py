"""Names of what is restored, which come from archives that nobody vouches for."""

from baler_vae.errors import OutputError
from baler_vae.paths import stays_inside
from baler_vae.table.schema import Schema


def check_members(schema: Schema) -> None:
    """Raise OutputError unless every name can be that of a member of a ZIP file: whoever unpacks one gets a file of
    that name, which must not lie outside of the folder.
    """
    names = [schema.origin.name, *schema.order, *(array.name for array in schema.arrays)]
    outside = [name for name in names if name and not stays_inside(name)]
    if outside:
        raise OutputError(
            "an npz archive holds no names that lead out of the folder into which it is unpacked",
            column=outside[0],
            way_out="Write .parquet or .h5 instead, or choose columns without it",
        )

"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from baler_vae.output import file_path

Inputs = Annotated[
    list[str],
    typer.Argument(help="Files to read, or globs: ROOT, CSV, Parquet, HDF5 or npz, such as jets.root:Events."),
]
ArchivePath = Annotated[str, typer.Argument(help="Archive to read (.bvae): a path or a URL.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="GLOB", help="Columns to keep, by name or glob: one, a list A,B, or repeated."),
]
Model = Annotated[
    Literal["auto", "independent", "autoregressive", "ae", "vae"] | None,
    typer.Option(
        "--model",
        case_sensitive=False,
        metavar="KIND",
        help="independent: each column by itself; autoregressive: given those before; vae, ae: with latents of a "
        "variational or plain autoencoder too; auto (the default): the smallest of these.",
    ),
]
Latent = Annotated[
    int | None, typer.Option("--latent", metavar="N", min=1, help="Latents per row; default half of the columns.")
]
Weights = Annotated[list[str] | None, typer.Option("--weight", metavar="GLOB=W", help="Weight of columns; repeatable.")]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        metavar="BOUND",
        help="exact, abs:E, rel:R[,floor:A], bits:B[,floor:A], range:R or free, for float columns or as GLOB=BOUND; "
        "repeatable, or a list A,B; default bits:12 with a floor.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", min=1, help="Maximum number of epochs; by default it depends on the number of rows."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Seed of everything random.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, or auto (the default).")]
SampleRows = Annotated[
    int | None,
    typer.Option(
        "--sample-rows", metavar="N", min=1, help="Rows beyond which a model is fitted on a sample; default 1,048,576."
    ),
]
ProjectPath = Annotated[Path | None, typer.Option("--project", metavar="FILE", help="Settings from a project.toml.")]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out columns that cannot be read, and name them.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Local processes that share the work.")
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="URL", help="Address of a Dask scheduler whose workers see the same files."),
]
Strict = Annotated[bool, typer.Option("--strict", help="End with status 7 where the verdict is FAIL.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite outputs.")]
Quiet = Annotated[bool, typer.Option("--no-progress", help="Draw no progress bar.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Dialect = dict[str, str] | None
"""What `with_dialect` gives a verb."""


def output_option(text: str) -> Any:  # noqa: ANN401  of typer
    """The option of an output that is one file."""
    return typer.Option("-o", "--output", parser=file_path, metavar="PATH", help=text)

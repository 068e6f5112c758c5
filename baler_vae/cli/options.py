"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Inputs = Annotated[
    list[str],
    typer.Argument(help="Files to read, or globs: ROOT, CSV, Parquet, HDF5 or npz, such as jets.root:Events."),
]
ArchivePath = Annotated[str, typer.Argument(help="Archive to read (.bvae): a path or a URL.")]
Columns = Annotated[list[str] | None, typer.Option("--columns", help="Columns to keep, by name or glob; repeatable.")]
Model = Annotated[
    Literal["auto", "independent", "autoregressive", "ae", "vae"] | None,
    typer.Option(
        "--model",
        help="Each column by itself, columns given those before, the same with latents of an autoencoder or a "
        "variational one, or the smallest of these (auto, the default).",
    ),
]
Latent = Annotated[int | None, typer.Option("--latent", min=1, help="Latents per row; default half of the columns.")]
Weights = Annotated[list[str] | None, typer.Option("--weight", help="GLOB=W: weight of columns; repeatable.")]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        help="exact, abs:E, rel:R[,floor:A], bits:B[,floor:A], range:R or free, for float columns or as GLOB=BOUND; "
        "repeatable; default bits:12 with a floor.",
    ),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Most epochs of training; default by rows.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of everything random.")]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, or auto (the default).")]
SampleRows = Annotated[
    int | None,
    typer.Option("--sample-rows", min=1, help="Rows beyond which a model is fitted on a sample; default 1,048,576."),
]
ProjectPath = Annotated[Path | None, typer.Option("--project", help="Settings from a project.toml.")]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out columns that cannot be read, and name them.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Local processes that share the work.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Address of a Dask scheduler whose workers see the same files.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End with status 7 and a line for each tolerance that is exceeded.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite outputs.")]
Quiet = Annotated[bool, typer.Option("--no-progress", help="Draw no progress bar.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Dialect = dict[str, str]
"""What `with_dialect` gives a verb."""

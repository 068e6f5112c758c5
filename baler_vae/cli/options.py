"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from baler_vae.output import file_path
from baler_vae.settings.kinds import Effort, WantedKind

Inputs = Annotated[
    list[str],
    typer.Argument(help="Files to read, or globs: ROOT, CSV, Parquet, HDF5 or npz, such as jets.root:Events."),
]
ArchivePath = Annotated[str, typer.Argument(help="Archive to read (.bvae): a path or a URL.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="GLOB", help="Columns to keep, by name or glob; repeatable, or a list A,B."),
]
Model = Annotated[
    WantedKind | None,
    typer.Option(
        "--model",
        case_sensitive=False,
        metavar="KIND",
        help="independent: each column by itself; formulas: under formulas and small tables, without networks; "
        "autoregressive: under networks of the columns before it; vae, ae: also given latents "
        "of a variational or plain autoencoder; conv-vae, conv-ae: of one with convolutions over arrays; auto "
        "(default): whichever is smallest.",
    ),
]
EffortOf = Annotated[
    Effort | None,
    typer.Option(
        "--effort",
        case_sensitive=False,
        metavar="EFFORT",
        help="How much time the archive may take: fast (formulas and tables, fitted in seconds), default, or best.",
    ),
]
Latent = Annotated[
    int | None,
    typer.Option("--latent", metavar="N", min=1, help="Latents per row (default: half the number of columns)."),
]
Weights = Annotated[
    list[str] | None,
    typer.Option("--weight", metavar="GLOB=W", help="Weight of matching columns in the training; repeatable."),
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        metavar="BOUND",
        help="exact, abs:E, rel:R[,floor:A], bits:B[,floor:A], range:R, default or free, those with steps also with "
        ",dither; for float columns or as GLOB=BOUND; repeatable, or a list A,B (default: bits:12 with a floor).",
    ),
]
Guaranteed = Annotated[
    list[str] | None,
    typer.Option(
        "--guarantee",
        metavar="TEXT",
        help="A cut that no row changes sides of, '(Jet_pt > 30) & (abs(Jet_eta) < 2.4)', or a quantity within a bound "
        "of its own, 'hypot(px, py)=rel:1e-4'; repeatable.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", min=1, help="Maximum number of epochs; by default it depends on the number of rows."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Seed for all random numbers.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, or auto (default).")]
SampleRows = Annotated[
    int | None,
    typer.Option(
        "--sample-rows", metavar="N", min=1, help="Fit the model to a sample of larger tables (default: 1,048,576)."
    ),
]
ProjectPath = Annotated[
    Path | None, typer.Option("--project", metavar="FILE", help="Take settings from this project.toml.")
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out columns that cannot be read, and list them.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Number of local processes that share the work.")
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="URL", help="Address of a Dask scheduler whose workers see the same files."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with status 7 if the verdict is FAIL.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing outputs.")]
Quiet = Annotated[bool, typer.Option("--no-progress", help="Hide the progress bar.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document instead of tables.")]
Dialect = dict[str, str] | None
"""What `with_dialect` gives a verb."""


def output_option(text: str) -> Any:  # noqa: ANN401  of typer
    """The option of an output that is one file."""
    return typer.Option("-o", "--output", parser=file_path, metavar="PATH", help=text)

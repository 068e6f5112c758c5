"""What was drawn from a codec, for the terminal."""

from baler_vae.measures.samples import Samples
from baler_vae.report.listing import Heading, Listing, numbers
from baler_vae.report.wording import count


def samples_table(samples: Samples) -> Listing:
    """One line for each group: its rows, and where its latents came from."""
    headings = [Heading("group"), numbers("rows")]
    headings += [Heading("latents from", 1)] if samples.latents_from else []
    headings += [numbers("Gaussians", 2)] if samples.components else []
    table = Listing(f"{count(samples.n_events, 'event')} drawn from {samples.codec}, seed {samples.seed}", headings)
    for row in samples_rows(samples):
        table.add(*row)
    return table


def samples_rows(samples: Samples) -> list[list[str]]:
    """The cells of each group: its name and rows; where there are latents, where these came from, and of how many
    Gaussians.
    """
    rows = []
    for name, n_rows in samples.n_rows.items():
        row = [name, f"{n_rows:,}"]
        row += [samples.latents_from.get(name, "")] if samples.latents_from else []
        row += [str(samples.components.get(name, ""))] if samples.components else []
        rows.append(row)
    return rows


def samples_lines(samples: Samples) -> list[str]:
    """The sentences below the table: what was drawn again, what was not drawn."""
    lines = []
    redrawn = (
        (samples.escapes, "codes outside of all ranges"),
        (samples.valueless, "codes without a value"),
        (samples.beyond, "differences that lead beyond all values seen"),
    )
    for found, what in redrawn:
        if found:
            of_columns = ", ".join(f"{number:,} of {name}" for name, number in found.items())
            lines.append(f"drawn again in place of {what}: {of_columns}")
    if samples.from_training:
        lines.append(f"from rows of the training data, drawn as a whole: {', '.join(samples.from_training)}")
    if samples.predicted:
        lines.append(f"as their formulas give them, without differences: {', '.join(samples.predicted)}")
    lines += [f"left out: {name}: {reason}" for name, reason in samples.left_out.items()]
    return lines if samples.output is None else [*lines, f"written: {samples.output}"]

"""What was drawn from a codec, told and drawn."""

from baler_vae.measures.samples import Samples, Shape
from baler_vae.report.samples_listing import samples_lines, samples_rows
from baler_vae.report.samples_section import samples_section

SHAPES = tuple(
    Shape(column=f"x{number}", edges=(0.0, 1.0, 2.0), samples=(3, 1), training=(10, number)) for number in range(62)
)


def samples(**more):
    return Samples(codec="a.bvmodel", seed=3, n_events=4, n_rows={"events": 4, "jet": 9}, **more)


def test_only_what_there_is_has_a_column():
    assert samples_rows(samples()) == [["events", "4"], ["jet", "9"]]
    found = samples(latents_from={"jet": "mixture"}, components={"jet": 7})
    assert samples_rows(found) == [["events", "4", "", ""], ["jet", "9", "mixture", "7"]]


def test_what_was_drawn_again_and_left_out_is_said():
    found = samples(
        escapes={"x": 2}, valueless={"y": 1}, beyond={"z": 3}, left_out={"text": "why"}, from_training=("run",)
    )
    assert found.redrawn == 6
    assert samples_lines(found) == [
        "drawn again in place of codes outside of all ranges: 2 of x",
        "drawn again in place of codes without a value: 1 of y",
        "drawn again in place of differences that lead beyond all values seen: 3 of z",
        "from rows of the training data, drawn as a whole: run",
        "left out: text: why",
    ]


def test_a_section_has_a_figure_of_most_columns():
    section = samples_section(samples(shapes=SHAPES))
    assert "The first 60 of 62 columns are drawn." in section.body
    assert section.body.count("<svg") == 60
    assert "x59" in section.body
    assert "x60" not in section.body
    assert "<svg" not in samples_section(samples()).body

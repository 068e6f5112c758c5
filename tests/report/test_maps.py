import base64
import io
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.image import imread

from baler_vae.report.maps import correlation_maps, density_maps, information_map, largest
from tests.pages import ODD_NAME, group_statistics


def label(svg):
    return ET.fromstring(svg).get("aria-label")


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def images(svg):
    """The pictures in a figure, float (height, width, 4), the largest first; matplotlib keeps them upside down."""
    found = [
        imread(io.BytesIO(base64.b64decode(text)))[::-1] for text in re.findall(r"data:image/png;base64,([^\"]+)", svg)
    ]
    return sorted(found, key=lambda image: -image.size)


def test_maps_tell_their_largest_entry_in_words():
    before, change = correlation_maps(group_statistics())
    assert label(before) == "Correlations before in group Jet; the largest is 0.500, of Jet_mass and Jet_phi"
    assert label(change) == "Changes of correlations in group Jet; the largest is 0.0300, of Jet_mass and Jet_phi"
    lost = label(information_map(group_statistics()))
    assert lost.startswith("Changes of mutual information in bits in group Jet; the largest is ")
    assert lost.endswith(f" \N{MINUS SIGN}0.250, of Jet_mass and {ODD_NAME}")


def test_numbers_stand_in_the_cells_while_they_fit():
    few, many = (correlation_maps(group_statistics([f"c{n}" for n in range(k)]))[0] for k in (10, 24))
    assert texts(few).count("0.50") == 90
    assert texts(many).count("0.50") == 0
    assert {f"c{n}" for n in range(24)} <= set(texts(many))
    assert len(many) < 60_000


def test_more_is_red_and_less_is_blue_and_nothing_is_clear():
    statistics = group_statistics()
    after = statistics.correlation_before.copy()
    after[0, 1], after[1, 0] = 0.6, 0.4
    image = images(correlation_maps(replace(statistics, correlation_after=after))[1])[0]
    height, width = image.shape[:2]
    right, below, diagonal = (
        image[int(height * y), int(width * x)] for x, y in ((0.5, 1 / 6), (1 / 6, 0.5), (1 / 6, 1 / 6))
    )
    assert right[0] > 2 * right[2]  # row 0, column 1: more
    assert below[2] > 2 * below[0]  # row 1, column 0: less
    assert diagonal[3] == 0


def test_a_constant_column_has_no_correlation_and_may_be_drawn():
    statistics = group_statistics()
    nothing = np.full((3, 3), np.nan)
    for svg in correlation_maps(replace(statistics, correlation_before=nothing, correlation_after=nothing)):
        assert "largest" not in label(svg)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_entry_is_found_beside_the_diagonal(sign):
    matrix = np.array([[9.0, 0.1, np.nan], [0.1, 9.0, sign * 0.5], [0.2, sign * 0.4, 9.0]])
    assert largest("abc", matrix) == (sign * 0.5, "b", "c")
    assert largest("a", np.ones((1, 1))) is None


def test_a_density_shows_where_rows_moved():
    (density,) = group_statistics().densities
    svg = density_maps(density, "Jet")
    assert {"Jet_mass [GeV]", "Jet_phi [rad]", "rows before", "after / before"} <= set(texts(svg))
    same = density_maps(replace(density, after=density.before), "Jet")
    assert images(svg)[0].shape == images(same)[0].shape
    assert not all(np.array_equal(a, b) for a, b in zip(images(svg), images(same), strict=True))


def test_an_empty_density_can_be_drawn():
    (density,) = group_statistics().densities
    nothing = np.zeros((5, 6), int)
    assert ET.fromstring(density_maps(replace(density, before=nothing, after=nothing), "")) is not None

"""What all results keep: they are frozen, plain in JSON, tables for pandas and notebooks."""

import dataclasses
import json
import math
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.errors import OutputError, UsageError
from baler_vae.io.files import write_file
from baler_vae.results import MOST_ROWS, as_plain, data_frame, html_table
from tests.tables import flat_batch

ODD_NAME = '<b>&"\u202e'
ROWS = 4_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file with a peak and an odd name, its archive, and every kind of result, by name."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(1)
    m = np.concatenate([rng.normal(91, 2, ROWS // 2), rng.uniform(70, 110, ROWS // 2)]).astype(np.float32)
    source, archive = folder / "in.parquet", folder / "a.bvae"
    arrays = {"m": m, ODD_NAME: rng.normal(0, 3, ROWS).astype(np.float32), "n": np.arange(ROWS)}
    schema, batch = flat_batch(arrays)
    write_file(source, schema, [batch])
    peak = baler_vae.PeakSettings(column="m", window=(80.0, 102.0), bins=40)
    settings = baler_vae.EvaluationSettings(peaks=(peak,), cuts=(baler_vae.CutSettings(cut="m > 90"),))
    strict = settings.model_copy(update={"tolerances": baler_vae.ToleranceSettings(largest={ODD_NAME: 1e-9})})
    codec = baler_vae.fit(source, kind="vae", epochs=1, bound=["bits:8", "m=free"], hidden=(8, 4))
    written = baler_vae.compress(source, archive, bound="bits:8", kind="independent")
    with baler_vae.open(archive) as opened:
        info = opened.info()
    return {
        "source": source,
        "archive": archive,
        "compress": written,
        "info": info,
        "merge": baler_vae.merge([archive, archive], folder / "m.bvae"),
        "fit": codec.report(),
        "verify": baler_vae.verify(archive, against=source),
        "intact": baler_vae.verify(archive),
        "evaluate": baler_vae.evaluate(source, archive, settings=settings),
        "failing": baler_vae.evaluate(source, archive, settings=strict),
        "advise": baler_vae.advise(source, fitted=False),
        "compare": baler_vae.compare(source, archive, bounds="bits:6", settings=settings),
    }


RESULTS = (
    *("compress", "info", "merge", "fit", "verify", "intact"),
    *("evaluate", "failing", "advise", "compare"),
)
N_ROWS = {"compress": 3, "info": 3, "merge": 3, "fit": 1, "verify": 3, "intact": 0, "evaluate": 3, "advise": 2}


class Tags(HTMLParser):
    """The tags, attributes and words of a piece of HTML; fails where elements are not nested."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], set(), [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_frozen_and_no_mapping(made, name):
    result = made[name]
    assert type(result).__name__ in baler_vae.__all__
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(result)[0].name, None)
    with pytest.raises(TypeError):
        result["ratio"]


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_plain_in_json(made, name):
    document = made[name].to_dict()
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_short_where_it_is_printed(made, name):
    text = repr(made[name])
    assert text.startswith(f"<{type(made[name]).__name__}")
    assert len(text) < 300
    assert "\n" not in text


@pytest.mark.parametrize("name", RESULTS)
def test_a_notebook_shows_a_table_that_needs_nothing_else(made, name):
    shown = Tags(made[name]._repr_html_())
    assert set(shown.tags) <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert shown.attributes <= {"style"}
    if name in {"compress", "info", "verify", "evaluate", "advise"}:
        assert '<b>&"\\u202e' in shown.words


@pytest.mark.parametrize("name", N_ROWS)
def test_a_table_has_a_row_for_each_column(made, name):
    frame = made[name].to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == N_ROWS[name]
    assert len(frame.columns) > 5
    if name in {"info", "verify", "evaluate"}:
        assert frame["name"].tolist() == ["m", ODD_NAME, "n"]


def test_what_was_compressed_is_told_with_its_source(made):
    info, written = made["info"], made["compress"]
    assert dataclasses.replace(written, source=None) == info
    assert written.source.bytes == made["source"].stat().st_size
    assert written.source.n_columns == 3
    assert info.source is None
    assert info.notes == info.warnings == ()
    told = {"source_bytes", "source_columns", "notes", "warnings"}
    assert set(written.to_dict()) - set(info.to_dict()) == told
    assert made["merge"].n_rows == {"events": 2 * ROWS}
    assert info.ratio == info.original_bytes / info.archive_bytes > 1


def test_a_fit_tells_its_groups_and_trainings(made):
    report = made["fit"]
    (group,) = report.groups
    assert (group.name, group.kind, report.n_rows) == ("events", "vae", {"events": ROWS})
    training = report.trainings[0]
    assert str(training) == f"events: 1 epochs, validation error {training.validation_error:.3g}"
    assert report.to_pandas()["fitted_bytes"].tolist() == [group.fitted_bytes]


def test_tables_of_an_evaluation(made):
    evaluation = made["evaluate"]
    (peak,), (cut,) = evaluation.peaks, evaluation.cuts
    (shown,) = evaluation.to_pandas("peaks").to_dict("records")
    assert (shown["column"], shown["low"], shown["high"]) == ("m", 80, 102)
    assert shown["valid"]
    assert shown["yield_before"] == peak.before.peak_yield
    assert shown["width_shift_in_errors"] == peak.width_shift_in_errors
    (counted,) = evaluation.to_pandas("cuts").to_dict("records")
    assert (counted["cut"], counted["n_out"], counted["percent"]) == ("m > 90", cut.n_out, cut.percent)
    with pytest.raises(UsageError, match=r"no table 'rows'.*columns or peaks or cuts"):
        evaluation.to_pandas("rows")


def test_an_evaluation_is_judged(made):
    failing = made["failing"]
    assert failing.failures[-1].where == ODD_NAME
    assert failing.to_dict()["exceeded"] == [failure.text for failure in failing.failures]
    assert not failing.passed
    assert failing.headline.startswith("FAIL: ")
    told = failing.verdict()
    verdict = {"passed": False, "headline": failing.headline, "sentences": list(told.judgement.sentences)}
    assert failing.to_dict()["verdict"] == verdict


def test_an_evaluation_writes_its_page_whole_and_never_over_another_file_unasked(made, tmp_path):
    path = tmp_path / "page.html"
    made["evaluate"].write_page(path)
    text = path.read_text("utf-8")
    assert "<title>a.bvae</title>" in text
    assert "Bytes of the same rows" not in text
    assert "independent" in text  # of the settings
    with pytest.raises(OutputError, match="exists already"):
        made["evaluate"].write_page(path)
    assert path.read_text("utf-8") == text
    made["evaluate"].write_page(path, title="A & B", rivals={"zstd": 100_000}, force=True)
    assert "<title>A &amp; B</title>" in path.read_text("utf-8")
    assert "Bytes of the same rows" in path.read_text("utf-8")
    (tmp_path / "rivals.json").write_text('{"zstd": 90000}')
    assert made["evaluate"].bytes_of_rivals(tmp_path / "rivals.json") == {"zstd": 90_000}
    assert sorted(found.name for found in tmp_path.iterdir()) == ["page.html", "rivals.json"]


def test_archives_are_compared_with_what_bounds_make_of_their_file(made, tmp_path):
    found = made["compare"]
    assert [(own.name, own.bound) for own in found.archives] == [("a.bvae", None), ("independent, bits:6", "bits:6")]
    frame = found.to_pandas()
    assert frame["archive_bytes"].tolist() == [own.archive_bytes for own in found.archives]
    (tmp_path / "rivals.json").write_text('{"zstd": 90000}')
    with pytest.raises(UsageError, match="nothing to compare"):
        baler_vae.compare(made["source"])
    with pytest.raises(UsageError, match="rivals are compared under bounds"):
        baler_vae.compare(made["source"], made["archive"], rivals=tmp_path / "rivals.json")


def test_all_that_the_front_door_offers_needs_no_extra():
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "scipy", "iminuit", "matplotlib", "jinja2", "mplhep"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
from baler_vae import *
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_values_become_plain():
    @dataclasses.dataclass
    class Own:
        a: tuple[float, ...]
        b: dict[int, object]

    own = Own((1.0, math.inf), {3: np.float64(2), 4: np.arange(2)})
    assert as_plain(own) == {"a": [1.0, math.inf], "b": {"3": 2.0, "4": [0, 1]}}
    assert as_plain(own, finite=True)["a"] == [1.0, None]
    assert as_plain(np.array([np.nan, 1]), finite=True) == [None, 1.0]


def test_long_tables_are_cut_in_notebooks_and_empty_ones_keep_their_columns():
    shown = Tags(html_table("t", ["n"], ([n] for n in range(MOST_ROWS + 1_500)), notes=["a note"]))
    assert shown.tags.count("tr") == 1 + MOST_ROWS
    assert shown.words[-2:] == ["a note", "and 1,500 more"]
    assert "table" not in Tags(html_table("t", ["n"], [])).tags
    assert data_frame([], ["a", "b"]).columns.tolist() == ["a", "b"]


def test_cells_of_notebooks():
    shown = Tags(html_table("t", ["x"], [[None, True, False, 12_345, 0.123456, np.float32(2.5), np.int64(7), "é"]]))
    assert shown.words == ["t", "x", "yes", "12,345", "0.1235", "2.5", "7", "é"]

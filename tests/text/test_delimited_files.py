"""Files of delimited text as programs and people write them: how they are read, told, refused, and written back."""

import bz2
import contextlib
import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.errors import BalerError, CorruptArchive, SourceError, UsageError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source, stem_of, suffix_of, write_file
from baler_vae.source.dialect import Dialect, DialectOptions, dialect_options
from baler_vae.table.table import concatenate
from baler_vae.text import files as delimited
from baler_vae.text import lines as delimited_lines
from baler_vae.text import sniffing


@pytest.fixture
def restored(tmp_path):
    """The source of some content and the bytes of what comes back, with options of the dialect."""

    def write_and_read(content, name="table.csv", **options):
        path, back = tmp_path / name, tmp_path / f"back-{name}"
        path.write_bytes(content)
        source = open_source(path, dialect_options(options))
        write_file(back, source.schema, source.read(source.schema), extras=source.extras(), force=True)
        return source, back.read_bytes()

    return write_and_read


def kinds(source):
    return {column.name: column.kind for column in source.schema.columns}


def told(source):
    return " ".join(source.notes)


SCAN = b"""************************************************
*    Row   *       run *        pt *      kind *
************************************************
*        0 *    165617 *      40.5 *         G *
*        1 *    165618 *      35.2 *        TT *
************************************************
==> 2 selected entries
"""
FLOATS = {"x": "float64", "y": "float64"}


@pytest.mark.parametrize(
    ("content", "name", "said", "found"),
    [
        (b"x;y\n1.5;2.5\n", "t.csv", "';'", FLOATS),
        (b"x\ty\n1.5\t2.5\n", "t.tsv", "tab", FLOATS),
        (b"x|y\n1.5|2.5\n", "t.dat", "'|'", FLOATS),
        (b"x y\n1.5 2.5\n", "t.txt", "space", FLOATS),
        (b"    x     y\n  1.5   2.5\n 10.5  12.5\n", "t.txt", "white space", FLOATS),
        (b"x     y\n1.5   2.5\n10.5  12.5\n", "t.txt", "white space", FLOATS),
        (b"x;y\n1,5;2,25\n", "t.csv", "decimal comma", FLOATS),
        (b'x,y\n"1,5","2,25"\n', "t.csv", "decimal comma", FLOATS),
        (b"x;y\n1.234,5;2,25\n", "t.csv", "thousands separator '.'", FLOATS),
        (b'x,y\n"1,234.5",2.25\n', "t.csv", "thousands separator ','", FLOATS),
        (b"1.5,2.5\n3.5,4.5\n", "t.csv", "no header", {"column0": "float64", "column1": "float64"}),
        (b"G,2.5\nT,4.5\nG,3.5\n", "t.csv", "no header", {"column0": "text", "column1": "float64"}),
        (b"0,1\n1.5,2.5\n", "t.csv", "", {"0": "float64", "1": "float64"}),
        (b"# x y\n1.5 2.5\n", "t.txt", "1 comment line", FLOATS),
        (b"#x,y\n1.5,2.5\n", "t.csv", "no header, 1 comment line", FLOATS),
        (b"% made in 2024\nx,y\n% GeV\n1.5,2.5\n%half\n3.5,4.5\n%end\n", "t.csv", "4 comment lines", FLOATS),
        (b'x,word\n1.5,"a\n# no comment\n\nb"\n', "t.csv", "", {"x": "float64", "word": "text"}),
        (b",x\n0,1.5\n1,2.5\n", "t.csv", "'Unnamed: 0'", {"Unnamed: 0": "int64", "x": "float64"}),
        (b'"x" "y"\n"a" 1.5 2.5\n', "t.txt", "'Unnamed: 0'", {"Unnamed: 0": "text"} | FLOATS),
        (b"x,y,\n1.5,2.5,\n", "t.csv", "", FLOATS),
        (b"x,y\n1.5,2.5,\n", "t.csv", "", FLOATS),
        (b"x,y\r\n1.5,2.5\r\n", "t.csv", "CRLF", FLOATS),
        (b"x,y\r1.5,2.5\r", "t.csv", "CR", FLOATS),
        (b"x,y\n\n1.5,2.5\n\n\n3.5,4.5\n\n", "t.csv", "", FLOATS),
        ("ä,y\nü,2.5\n".encode("latin-1"), "t.csv", "Latin-1", {"ä": "text", "y": "float64"}),
        ("ä,y\n€,2.5\n".encode("cp1252"), "t.csv", "Windows-1252", {"ä": "text", "y": "float64"}),
        ("ä,y\n\x80\x81,2.5\n".encode("latin-1"), "t.csv", "Latin-1", {"ä": "text", "y": "float64"}),
        (b'x, word\n1.5, "a, b"\n2.5, "c"\n', "t.csv", "',' and a blank", {"x": "float64", "word": "text"}),
        (b'"x"; "word";\n1.5; "a; ""b""\n c; d";\n', "t.csv", "';' and a blank", {"x": "float64", "word": "text"}),
        (b'x,word\n1.5," ""a"""\n2.5,"b, ""c"""\n', "t.csv", "", {"x": "float64", "word": "text"}),
        (b"x y\n1, 2,\n3, 4,\n", "t.txt", "space", {"x": "text", "y": "text"}),
        ("ä,y\nü,2.5\n".encode("utf-8-sig"), "t.csv", "with a byte order mark", {"ä": "text", "y": "float64"}),
        ("ä,y\nü,2.5\n".encode("utf-16"), "t.csv", "utf-16", {"ä": "text", "y": "float64"}),
        (b'"x","y"\n"1.5","2.5"\n', "t.csv", "", FLOATS),
        (b'"x","word"\n1.5,"a b"\n2.5,"c"\n', "t.csv", "", {"x": "float64", "word": "text"}),
        (b'x,word\n1.5,a;b\n2.5,"a,b"\n', "t.csv", "", {"x": "float64", "word": "text"}),
        (b'word\na\n"b;c"\n', "t.csv", "", {"word": "text"}),
        (b"name\nJohn Smith\nJane Doe\n", "t.csv", "", {"name": "text"}),
        (b"date,x\n2020-01-01 10:00:00,1.5\n2020-01-01 10:00:01,2.5\n", "t.csv", "", {"date": "text", "x": "float64"}),
        (b"id,x\n007,1.5\n010,2.5\n", "t.csv", "", {"id": "text", "x": "float64"}),
        (b"x,y\n1.5,\n,2.5\n", "t.csv", "", FLOATS),
        (b"x,y\n1.5,NA\nNA,2.5\n", "t.csv", "", FLOATS),
        (b"|x|y|\n|1.5|2.5|\n", "t.txt", "'|'", FLOATS),
        (SCAN, "scan.txt", "4 comment lines", {"Row": "int64", "run": "int64", "pt": "float64", "kind": "text"}),
        (b"x,y\nnan,1.5\n2.5,NULL\n", "t.csv", "", FLOATS),
        (b'word,x\nnone,1.5\n,2.5\n"",3.5\n', "t.csv", "", {"word": "text", "x": "float64"}),
        (b"f\ntrue\nfalse\n", "t.csv", "", {"f": "bool"}),
        (
            b"n,f\n7,True\n,\n9,False\n",
            "t.csv",
            "",
            {"n[missing]": "bool", "n": "int64", "f[missing]": "bool", "f": "bool"},
        ),
    ],
)
def test_what_is_found_out_is_told_and_written_back(content, name, said, found, restored):
    source, back = restored(content, name)
    assert kinds(source) == found
    assert said in told(source)
    assert bool(said) == bool(source.notes)
    assert back == content


@pytest.mark.parametrize(
    ("content", "option", "value", "found"),
    [
        (b"n;x\n1,234;2\n2,345;3\n", "--decimal", ",", {"n": "float64", "x": "int64"}),
        (b"n;x\n1,234;2\n2,345;3\n", "--decimal", ".", {"n": "int64", "x": "int64"}),
        (b"n;x\n1,5;2.5\n2,5;3.5\n", "--decimal", ",", {"n": "float64", "x": "text"}),
        (b"n;x\n1,5;2.5\n2,5;3.5\n", "--decimal", ".", {"n": "text", "x": "float64"}),
        (b"0,1\n5,6\n", "--header", "first", {"0": "int64", "1": "int64"}),
        (b"0,1\n5,6\n", "--header", "none", {"column0": "int64", "column1": "int64"}),
        (b"a,1\nb,6\n", "--header", "none", {"column0": "text", "column1": "int64"}),
        (b"a,a\nb,c\n", "--header", "none", {"column0": "text", "column1": "text"}),
        (b"word,x\n#1,5\nb,6\n", "--comment", "#", {"word": "text", "x": "int64"}),
        (b"word,x\n#1,5\nb,6\n", "--comment", "none", {"word": "text", "x": "int64"}),
        (b"a;b,c\nd;e,f\n", "--separator", ";", {"a": "text", "b,c": "text"}),
        (b"a;b,c\nd;e,f\n", "--separator", "comma", {"a;b": "text", "c": "text"}),
        (b"! note\nx,y\n1,2\n", "--comment", "!", {"x": "int64", "y": "int64"}),
        (b"x\n1,5\n2,5\n", "--separator", "semicolon", {"x": "float64"}),
    ],
)
def test_what_is_ambiguous_is_refused_and_settled_by_the_option_that_is_named(content, option, value, found, restored):
    with pytest.raises(SourceError, match=option):
        restored(content)
    source, back = restored(content, **{option.removeprefix("--"): value})
    assert kinds(source) == found
    assert back == content
    assert dict(Dialect.from_bytes(source.extras()).told) == {option.removeprefix("--"): dialect_value(option, value)}


def dialect_value(option, value):
    return getattr(DialectOptions(**{option.removeprefix("--"): value}), option.removeprefix("--"))


def test_plain_files_have_no_extras(restored, tmp_path):
    frame = pd.DataFrame(
        {"x": [1.5, np.nan, 1e-7], "n": [1, 2, 3], "word": ["a", None, 'b "c", d'], "f": [True, False, True]}
    )
    frame["missing"] = pd.array([None, 2**60, 7], "Int64")
    frame.to_csv(tmp_path / "plain.csv", index=False)
    source, back = restored((tmp_path / "plain.csv").read_bytes())
    assert (source.extras(), source.notes) == (b"", ())
    assert back == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize(
    ("ending", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open), (".zst", None)]
)
def test_compressed_text_is_read_and_written_the_same_way_each_time(ending, opener, restored, tmp_path):
    content = b"x;y\n" + b"1.5;2.5\n" * 1000
    path = tmp_path / f"in.csv{ending}"
    if opener is None:
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(content)
    else:
        with opener(path, "wb") as stream:
            stream.write(content)
    source, back = restored(path.read_bytes(), f"table.dat{ending}")
    assert source.n_events == 1000
    assert pd.read_csv(tmp_path / f"back-table.dat{ending}", sep=";").equals(pd.read_csv(path, sep=";"))
    assert len(back) < len(content) / 20
    assert restored(path.read_bytes(), f"table.dat{ending}")[1] == back


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_text_that_is_cut_is_a_source_error(ending, tmp_path):
    pd.DataFrame({"x": np.random.default_rng(1).normal(size=500)}).to_csv(tmp_path / f"whole.csv{ending}")
    content = (tmp_path / f"whole.csv{ending}").read_bytes()
    for length in (12, len(content) // 2, len(content) - 9):
        (tmp_path / f"cut.csv{ending}").write_bytes(content[:length])
        with pytest.raises(SourceError, match=r"cut\.csv"):
            open_source(tmp_path / f"cut.csv{ending}")


@pytest.mark.parametrize(
    ("name", "suffix", "stem"),
    [
        ("a.csv", ".csv", "a"),
        ("a.b/run.2024.TXT.GZ", ".txt.gz", "run.2024"),
        ("https://host/x.csv.zst?a=b.c", ".csv.zst", "x"),
        ("a.gz", ".gz", "a"),
        ("a", "", "a"),
    ],
)
def test_suffixes_of_compressed_files(name, suffix, stem):
    assert (suffix_of(name), stem_of(name)) == (suffix, stem)


def test_blocks_and_chunks_do_not_matter(tmp_path, read, monkeypatch):
    rows = [f'{i};"a {i}";{i},5' if i % 7 else f'{i};"two\n# lines {i}\n\n";' for i in range(2000)]
    lines = [f"# comment {i}\n{row}" if i % 11 == 0 else row for i, row in enumerate(rows)]
    path = tmp_path / "table.csv"
    path.write_bytes(("n;word;x\r\n" + "\r\n".join(lines) + "\r\n").encode())
    whole = read(path, step=77)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 700)
    monkeypatch.setattr(delimited_lines, "CHUNK_BYTES", 101)
    source, schema, batch = read(path, step=50)
    assert source.extras() == whole[0].extras()
    assert source.n_events == 2000
    for name in schema.order:
        assert batch[0][name].tolist() == pytest.approx(whole[2][0][name].tolist(), nan_ok=True)
    ranges = [(3, 5), (700, 900), (1999, 2000)]
    parts = concatenate(list(source.batches(schema, 64, ranges)), schema)
    assert parts[0]["n"].tolist() == [i for start, stop in ranges for i in range(start, stop)]


def test_rows_longer_than_the_sample_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sniffing, "SAMPLE_BYTES", 1000)
    monkeypatch.setattr(delimited_lines, "CHUNK_BYTES", 300)
    names = [f"column_{place}" for place in range(200)]
    rows = [";".join(f"{place + row},5" for place in range(200)) for row in range(30)]
    (tmp_path / "wide.csv").write_text("\n".join([";".join(names), *rows, ""]))
    source = open_source(tmp_path / "wide.csv")
    assert (source.n_events, len(source.schema.order)) == (30, 200)
    assert set(kinds(source).values()) == {"float64"}


def test_columns_that_are_left_out_leave_the_dialect_as_it_is(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"# note\n;x;n;\n0;1,5;;\n1;2,5;7;\n")
    source = open_source(tmp_path / "in.csv")
    schema = source.schema.select(["n", "Unnamed: 0"])
    write_file(tmp_path / "out.csv", schema, source.read(schema), extras=source.extras())
    assert (tmp_path / "out.csv").read_bytes() == b"# note\n;n;\n0;;\n1;7;\n"


def test_several_texts_become_one_in_the_dialect_of_the_first(tmp_path):
    (tmp_path / "1.csv").write_bytes(b"# first\nx;f\n1,5;true\n")
    (tmp_path / "2.csv").write_bytes(b"# second\nf;x\nTrue;\n;NA\n")
    source = open_sources([tmp_path / "1.csv", tmp_path / "2.csv"])
    assert "comment lines of the others are dropped" in told(source)
    write_file(tmp_path / "out.csv", source.select(), source.read(source.select()), extras=source.extras())
    assert (tmp_path / "out.csv").read_bytes() == b"# first\nx;f\n1,5;true\nNA;true\nNA;\n"


@pytest.mark.parametrize(
    "options",
    [
        {"separator": ",,"},
        {"separator": "\n"},
        {"header": "second"},
        {"comment": " "},
        {"decimal": ";"},
        {"encoding": "base64"},
        {"encoding": "klingon"},
        {"delimiter": ","},
        {"separator": 1},
    ],
)
def test_wrong_options_are_usage_errors(options):
    with pytest.raises(UsageError):
        dialect_options(options)


def test_a_dialect_is_for_text_only(tmp_path):
    with pytest.raises(UsageError, match="only delimited text has a dialect"):
        open_source(tmp_path / "a.npz", DialectOptions(separator=","))


def test_text_in_another_encoding_than_said_is_a_source_error(tmp_path):
    (tmp_path / "a.csv").write_bytes("ä\n1\n".encode("latin-1"))
    with pytest.raises(SourceError, match="cannot be read as a CSV file"):
        open_source(tmp_path / "a.csv", DialectOptions(encoding="utf-8"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted(Dialect.__dataclass_fields__)


@given(
    document=st.dictionaries(st.sampled_from([*NAMES, "other"]), JSON, max_size=4),
    content=st.none() | st.binary(max_size=20),
)
def test_extras_that_are_forged_are_corrupt_or_harmless(tmp_path_factory, document, content):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "forged.csv"
    path.write_text("x,n,w\n1.5,7,a\n,,\n")
    source = open_source(path)
    extras = json.dumps({"version": 1, **document}).encode() if content is None else content
    try:
        write_file(folder / "out.csv", source.schema, source.read(source.schema), extras=extras, force=True)
    except BalerError as error:
        assert not isinstance(error, SourceError)  # noqa: PT017
    if content:
        with pytest.raises(CorruptArchive):
            write_file(folder / "out.csv", source.schema, source.read(source.schema), extras=content, force=True)


@given(
    separator=st.sampled_from([",", ";", "\t", r"\s+"]),
    names=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    lines=st.lists(st.tuples(st.integers(-1, 9), st.text(st.characters(codec="utf-8", exclude_characters="\r\n")))),
    quoted=st.lists(st.text(max_size=3)),
    header=st.booleans(),
)
def test_a_dialect_survives_json(separator, names, lines, quoted, header):
    dialect = Dialect(separator=separator, names=names, lines=tuple(lines), quoted=tuple(quoted), header=header)
    content = dialect.to_bytes()
    again = Dialect.from_bytes(content)
    assert again.to_bytes() == content
    assert (again.separator, again.names, again.lines) == (separator, names, tuple(lines))


CELLS = st.sampled_from(
    [
        *(
            "0",
            "7",
            "12",
            "1.5",
            "1,5",
            "-2",
            "x",
            "NA",
            "nan",
            "",
            "True",
            "007",
            '"a,b"',
            '""',
            '"x ""q"""',
            "a b",
            "#h",
        )
    ]
)
PIECES = st.sampled_from(["0", "1.5", "x", "NA", ",", ";", "\t", " ", "|", '"', "\n", "\r\n", "#", "%", "*", "é", "\0"])


@st.composite
def tables_of_cells(draw: st.DrawFn) -> str:
    n_columns, separator = draw(st.integers(1, 4)), draw(st.sampled_from([",", ";", "\t", "|", " ", "  "]))
    row = st.lists(CELLS, min_size=n_columns, max_size=n_columns).map(separator.join)
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(draw(st.lists(row, min_size=1, max_size=5)))


def values_of(source):
    batch = concatenate(list(source.batches(source.schema, 3)), source.schema)[0]
    return [list(map(repr, batch[name].tolist())) for name in source.schema.order]


@given(content=(tables_of_cells() | st.lists(PIECES).map("".join)).map(str.encode) | st.binary(max_size=40))
def test_any_text_is_refused_or_its_values_come_back(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.csv").write_bytes(content)
    try:
        source = delimited.open_delimited(str(folder / "any.csv"), "")
    except SourceError:
        return
    write_file(folder / "out.csv", source.schema, source.read(source.schema), extras=source.extras(), force=True)
    with contextlib.suppress(SourceError):  # what is left of a few values may be ambiguous
        again = delimited.open_delimited(str(folder / "out.csv"), "")
        if source.n_events:
            assert values_of(again) == values_of(source)


def test_texts_of_several_encodings_become_one_that_has_all_letters(tmp_path):
    (tmp_path / "1.csv").write_bytes("a,b\n1,€\n".encode("cp1252"))
    (tmp_path / "2.csv").write_bytes("a,b\n2,Ω\n".encode("utf-8-sig"))
    source = open_sources([str(tmp_path / "1.csv"), str(tmp_path / "2.csv")])
    write_file(tmp_path / "both.csv", source.schema, source.read(source.schema), extras=source.extras())
    assert (tmp_path / "both.csv").read_text("utf-8") == "a,b\n1,€\n2,Ω\n"

"""CSV: dtypes from the whole file, headers and rows that are refused, floats in their shortest form."""

import numpy as np
import pytest

from baler_vae.errors import OutputError, SourceError
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT, Origin
from baler_vae.text import files as delimited


@pytest.fixture
def column(tmp_path, read, monkeypatch):
    """The values of column `x` as they are read from words, in blocks that are much shorter than the file."""
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 400)

    def read_words(*words):
        path = tmp_path / "words.csv"
        path.write_text("\n".join(["x,other", *(f"{word},{i}" for i, word in enumerate(words))]) + "\n")
        return read(path, "x", step=7)[2][0]["x"]

    return read_words


FILL = ["7"] * 300


@pytest.mark.parametrize(
    ("words", "dtype", "last"),
    [
        ([*FILL, "-3"], "i8", -3),
        ([*FILL, "+3"], "i8", 3),
        ([*FILL, " 3 "], "i8", 3),
        ([*FILL, "9007199254740993"], "i8", 2**53 + 1),
        ([*FILL, "9223372036854775808"], "u8", 2**63),
        ([*FILL, "18446744073709551615"], "u8", 2**64 - 1),
        (["-7", *FILL, "18446744073709551615"], TEXT, "18446744073709551615"),
        ([*FILL, "18446744073709551616"], TEXT, "18446744073709551616"),
        ([*FILL, "0x10"], TEXT, "0x10"),
        ([*FILL, "1_000"], TEXT, "1_000"),
        ([*FILL, "2.5"], "f8", 2.5),
        ([*FILL, "+1e-3"], "f8", 1e-3),
        ([*FILL, "5."], "f8", 5.0),
        ([*FILL, ".5"], "f8", 0.5),
        ([*FILL, "-inf"], "f8", -np.inf),
        (["2.5", *FILL, ""], "f8", np.nan),
        (["2.5", *FILL, "nan"], "f8", np.nan),
        (["2.5", *FILL, "NaN"], "f8", np.nan),
        (["2.5", *FILL, "None"], "f8", np.nan),
        (["2.5", *FILL, '""'], "f8", np.nan),
        (["2.5", *FILL, '"NA"'], "f8", np.nan),
        ([*FILL, "007"], TEXT, "007"),
        (["2.5", *FILL, "007"], TEXT, "007"),
        (["9007199254740993", "", *FILL], "i8", 7),
        (["18446744073709551615", "", *FILL], "u8", 7),
        (["18446744073709551616", *FILL, ""], TEXT, None),
        (["18446744073709551615", *FILL, "2.5"], "f8", 2.5),
        ([""] * 300, "f8", np.nan),
        (["True"] * 300 + ["False"], "?", False),
        (["true"] * 300 + ["FALSE"], "?", False),
        (["True"] * 300 + ["0"], TEXT, "0"),
        (["", *["True"] * 300], "?", True),
        (["True"] * 300 + ["0", ""], TEXT, None),
        ([*FILL, "seven"], TEXT, "seven"),
        (["G"] * 300 + ["NA"], TEXT, None),
        (["G"] * 300 + ['"NA"'], TEXT, "NA"),
        (["G"] * 300 + ['""'], TEXT, ""),
        (["G"] * 300 + [" G "], TEXT, " G "),
    ],
)
def test_the_dtype_holds_every_row_of_the_file(words, dtype, last, column):
    values = column(*words)
    assert values.dtype == np.dtype(dtype)
    assert values[-1] == last or (last is not None and np.isnan(last) and np.isnan(values[-1]))
    assert len(values) == len(words)


def test_floats_are_read_to_the_last_bit(column):
    words = ["0.1", "1.7976931348623157e308", "4.9e-324", "8.41e21", "0.30000000000000004", "123456789012345678.25"]
    assert column(*words).tolist() == [float(word) for word in words]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("px,py,px,E,py", "same name: px, py"),
        ("a,b,a", "same name: a"),
    ],
)
def test_headers_that_name_no_columns_are_refused(header, message, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(header + "\n" + ",".join("12345"[: header.count(",") + 1]) + "\n")
    with pytest.raises(SourceError, match=message):
        open_source(path)


@pytest.mark.parametrize("row", ["1", "1,2,3"])
def test_a_ragged_row_is_refused_with_its_line(row, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"two\nlines"\n\n' + "1,2\n" * 60_000 + f"{row}\n1,2\n")
    with pytest.raises(SourceError, match=rf"line 60005: .*found {row.count(',') + 1} values, expected 2"):
        open_source(path)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(content, tmp_path):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(SourceError, match="is empty"):
        open_source(tmp_path / "table.csv")


@pytest.mark.parametrize("content", [b"a,b\n1,\xff\0\n", b"a,\xff\n1,\0\n", bytes(range(256))])
def test_bytes_that_are_no_text_are_refused(content, tmp_path):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as a CSV file: it holds bytes that are not text"):
        open_source(tmp_path / "table.csv")


def test_a_csv_file_has_no_parts(tmp_path):
    (tmp_path / "table.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match="holds no parts"):
        open_source(f"{tmp_path / 'table.csv'}:a")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa,b\r\n1,2\r\n", b'"a","b"\n1,2', b"a,b\n\n1,2\n\n"])
def test_marks_line_ends_quotes_and_blank_lines_do_not_matter(content, tmp_path, read):
    (tmp_path / "table.csv").write_bytes(content)
    _, schema, batch = read(tmp_path / "table.csv")
    assert schema.order == ("a", "b")
    assert batch[0]["b"].tolist() == [2]


def test_no_rows_and_one_row(tmp_path, read):
    (tmp_path / "none.csv").write_text("a,b\n")
    assert read(tmp_path / "none.csv")[0].n_events == 0
    (tmp_path / "one.csv").write_text("a,b\n1,x\n")
    _, _, batch = read(tmp_path / "one.csv")
    assert (batch[0]["a"].tolist(), batch[0]["b"].tolist()) == ([1], ["x"])


def test_numbers_are_written_in_the_shortest_form_of_their_dtype(tmp_path, table):
    schema, batch = table(
        {
            "half": np.array([0.1, -0.0, 2.0, np.nan], "f2"),
            "single": np.array([0.1, 16777216.0, np.inf, -1e-45], "f4"),
            "double": np.array([0.1, 1e22, 5e-324, -np.inf]),
            "large": np.array([2**64 - 1, 0, 1, 2], "u8"),
            "flag": np.array([True, False, True, True]),
            'a "word", or none': np.array(["plain", None, 'a "quote", and', ""], TEXT),
        },
        origin=Origin("root"),
    )
    write_file(tmp_path / "table.csv", schema, [batch])
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        'half,single,double,large,flag,"a ""word"", or none"',
        '0.1,0.1,0.1,18446744073709551615,True,"plain"',
        "-0.0,16777216.0,1e+22,0,False,NA",
        '2.0,inf,5e-324,1,True,"a ""quote"", and"',
        'nan,-1e-45,-inf,2,True,""',
    ]


def test_jagged_columns_are_refused(tmp_path, table):
    counts = np.array([1, 2])
    schema, batch = table({"nJet": counts}, {"Jet": ("nJet", {"Jet_pt": np.zeros(3)})})
    with pytest.raises(OutputError, match=r"cannot hold lists, such as those in Jet.*\.root, \.parquet, \.h5 or \.npz"):
        write_file(tmp_path / "table.csv", schema, [batch])

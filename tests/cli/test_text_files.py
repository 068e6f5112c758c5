"""Options that say how text is written, on the command line and in projects."""

import json

import pytest

AMBIGUOUS = "n;x\n1,234;2\n2,345;3\n"


@pytest.fixture
def text(tmp_path):
    (tmp_path / "in.csv").write_text(AMBIGUOUS)


def test_an_ambiguous_file_names_the_option_and_is_told_in_one_line(call, text, tmp_path):
    _, err = call("compress", "in.csv", "-o", "a.bvae", "--model", "independent", status=3)
    assert "--decimal , or --decimal ." in err
    _, err = call("compress", "in.csv", "-o", "a.bvae", "--model", "independent", "--bound", "exact", "--decimal", ",")
    assert "read as text with separator ';', decimal comma\n" in err
    assert "PASS: all bounds kept" in "".join(call("verify", "a.bvae", "--against", "in.csv"))
    call("decompress", "a.bvae", "-o", "back.csv")
    assert (tmp_path / "back.csv").read_text() == AMBIGUOUS
    call("evaluate", "in.csv", "back.csv", "--archive", "a.bvae")
    call("evaluate", "in.csv", "back.csv", "--decimal", ",")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--separator", ";;"], "invalid separator ';;'"),
        (["--header", "second"], "invalid header 'second'"),
        (["--encoding", "klingon"], "unknown encoding 'klingon'"),
    ],
)
def test_wrong_options_are_usage_errors(call, text, options, message):
    assert message in call("compress", "in.csv", "-o", "a.bvae", *options, status=2)[1]


def test_a_project_says_how_its_text_is_written(call, text, tmp_path):
    table = '[csv]\ndecimal = ","\nseparator = "semicolon"\n'
    model = 'name = "p"\ninput = "in.csv"\nbound = ["exact"]\n[model]\nkind = "independent"\n'
    (tmp_path / "project.toml").write_text(model + table)
    call("run", "project.toml")
    assert (tmp_path / "output" / "restored.csv").read_text() == AMBIGUOUS
    call("compress", "in.csv", "-o", "a.bvae", "--project", "project.toml", "--decimal", ".")
    assert [column["dtype"] for column in json.loads(call("info", "a.bvae", "--json")[0])["columns"]] == ["int64"] * 2
    (tmp_path / "project.toml").write_text(model + '[csv]\ndelimiter = ";"\n')
    assert "csv.delimiter" in call("run", "project.toml", "--force", status=2)[1]

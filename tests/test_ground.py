"""Errors, outputs, and the settings of a project."""

import stat

import pytest

from baler_vae.errors import ArchiveError, BalerError, MissingExtra, OutputError, SourceError, UsageError, nearest
from baler_vae.output import check_output, replacing
from baler_vae.project import ModelSettings, read_project


def test_errors_say_where_what_and_the_way_out():
    error = SourceError("is short", path="a.root", column="pt", rows="row 7", found=1, expected=2, way_out="Copy it")
    assert str(error) == "a.root, column 'pt', row 7: is short (found 1, expected 2). Copy it"
    assert str(BalerError("plain")) == "plain"
    assert str(ArchiveError("is missing", section="model/0")) == "section model/0: is missing"
    assert "pip install 'baler-vae[train]'" in str(MissingExtra("fitting", "train", "torch"))


def test_exit_statuses_tell_remedies_apart():
    statuses = {kind.__name__: kind.exit_status for kind in (UsageError, SourceError, ArchiveError, OutputError)}
    assert statuses == {"UsageError": 2, "SourceError": 3, "ArchiveError": 5, "OutputError": 8}
    assert MissingExtra("x", "y", "z").exit_status == 6


def test_nearest_names():
    assert nearest("Jet_px", ["Jet_pt", "Jet_eta", "event"]).startswith("the nearest names are 'Jet_pt'")
    assert nearest("zzz", ["a", "b"]) == "there are 'a', 'b'"
    assert nearest("zzz", map(str, range(20))).endswith("and 8 more")
    assert nearest("x", []) == "there are none"


def test_outputs_appear_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"
    with replacing(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) & 0o400
    with pytest.raises(OutputError, match="--force"), replacing(target):
        pytest.fail("an existing file was opened")

    def fail():
        with replacing(target, force=True) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_outputs_that_cannot_be(tmp_path):
    with pytest.raises(OutputError, match="is a directory"):
        check_output(tmp_path, force=True)
    with pytest.raises(OutputError, match="does not exist"):
        check_output(tmp_path / "no" / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="does not exist"):
        check_output(tmp_path / "file" / "out")


def project(tmp_path, text):
    path = tmp_path / "project.toml"
    path.write_text(text)
    return path


def test_a_project_needs_a_name_and_an_input(tmp_path):
    read = read_project(project(tmp_path, 'name = "z"\ninput = "z.root:Events"\n[model.weights]\n"*mass" = 20\n'))
    assert read.model == ModelSettings(weights={"*mass": 20.0})
    assert read.model.hidden == (200, 100, 50)
    assert read.bound == ("free",)
    assert read.experiment is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "z"', "'input'"),
        ('name = "z"\ninput = "x"\nextra = 1', "'extra'"),
        ('name = "z"\ninput = "x"\nmodel.kind = "gan"', "'model.kind'"),
        ('name = "z"\ninput = "x"\nmodel.epochs = 0', "'model.epochs'"),
        ('name = "z"\ninput = "x"\nmodel.weights = { a = -1.0 }', "'model.weights.a'"),
        ('name = "z"\ninput = "x"\nmodel.learning_rate = nan', "'model.learning_rate'"),
        ('name = "z"\ninput = "x"\nexperiment = { recipes = [] }', "'experiment.recipes'"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_project(project(tmp_path, text))


def test_a_file_that_is_no_project(tmp_path):
    with pytest.raises(SourceError, match="not TOML"):
        read_project(project(tmp_path, "name = "))
    with pytest.raises(SourceError, match="baler-vae new"):
        read_project(tmp_path / "none.toml")

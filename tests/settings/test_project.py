"""Settings are read, checked, and named when they are wrong."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from baler_vae.errors import SourceError, UsageError
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import LARGEST_PROJECT, Project, read_project

NEEDED = 'name = "z"\ninput = "z.root:Events"\n'


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "project.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_project_needs_a_name_and_an_input(written):
    project = read_project(written(NEEDED))
    assert (project.name, project.input, project.output) == ("z", "z.root:Events", "output")
    assert project.columns == ()
    assert project.bound == ()
    assert project.model == ModelSettings()
    assert project.evaluation == EvaluationSettings()
    assert project.experiment is None
    assert ModelSettings().hidden == (200, 100, 50)


def test_every_table_is_read(written):
    project = read_project(
        written(f"""{NEEDED}
columns = ["Jet_*", "met"]
bound = ["free", "met=exact"]
[model]
kind = "ae"
weights = {{ "*mass" = 20 }}
transforms = {{ "Jet_[pm]*" = "asinh" }}
[evaluation]
angles = ["*phi"]
[[evaluation.peaks]]
column = "Jet_mass"
window = [60, 120.5]
[experiment]
seeds = [7]
[[experiment.recipes]]
name = "plain"
[[experiment.recipes]]
name = "heavy"
model = {{ hidden = [8] }}
""")
    )
    assert project.columns == ("Jet_*", "met")
    assert project.bound == ("free", "met=exact")
    assert project.model == ModelSettings(kind="ae", weights={"*mass": 20.0}, transforms={"Jet_[pm]*": "asinh"})
    assert project.evaluation.angles == ("*phi",)
    (peak,) = project.evaluation.peaks
    assert (peak.column, peak.window, peak.bins) == ("Jet_mass", (60.0, 120.5), 199)
    assert project.experiment.kinds == ("ae", "vae")
    assert project.experiment.seeds == (7,)
    assert [recipe.name for recipe in project.experiment.recipes] == ["plain", "heavy"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "z"', "setting 'input': Field required$"),
        (f"{NEEDED}extra = 1", r"there is no setting 'extra'. Known settings: name, input, output, columns, bound, "),
        (f"{NEEDED}bounds = ['free']", r"no setting 'bounds'. Did you mean 'bound'\?"),
        (f"{NEEDED}epochs = 3", r"no setting 'epochs'. Did you mean 'model.epochs'\?"),
        (f"{NEEDED}model.latents_ = 3", r"Did you mean 'model.latents'\?"),
        (f"{NEEDED}evaluation.peak = []", r"Did you mean 'evaluation.peaks'\?"),
        (
            f"{NEEDED}evaluation.quantities = [{{ name = 'a', object = 'Jet_*' }}]",
            r"'evaluation.quantities.0.object'. Did you mean 'evaluation.quantities.0.objects'\?",
        ),
        (f"{NEEDED}model.kind = 'VEA'", r"setting 'model.kind'.*Did you mean 'vae'\?"),
        (f"{NEEDED}columns = {{ a = 1 }}", "'columns'"),
        (f"{NEEDED}bound = 1.5", "'bound'"),
        (f"{NEEDED}model = 3", "'model'"),
        (f"{NEEDED}model.epoch = 3", "'model.epoch'"),
        (f"{NEEDED}model.kind = 'gan'", r"'model.kind'.*'gan'"),
        (f"{NEEDED}model.epochs = 0", "'model.epochs'"),
        (f"{NEEDED}model.epochs = 2.5", "'model.epochs'"),
        (f"{NEEDED}model.latent = 0", "'model.latent'"),
        (f"{NEEDED}model.hidden = [8, 0]", "'model.hidden.1'"),
        (f"{NEEDED}model.beta = -1", "'model.beta'"),
        (f"{NEEDED}model.l1 = inf", "'model.l1'"),
        (f"{NEEDED}model.learning_rate = nan", "'model.learning_rate'"),
        (f"{NEEDED}model.validation_fraction = 1", "'model.validation_fraction'"),
        (f"{NEEDED}model.seed = -1", "'model.seed'"),
        (f"{NEEDED}model.seed = 9223372036854775808", "'model.seed'"),
        (f"{NEEDED}model.weights = {{ a = -1.0 }}", "'model.weights.a'"),
        (f"{NEEDED}model.weights = {{ 'b*' = 0 }}", r"'model.weights.b\*'"),
        (f"{NEEDED}model.transforms = {{ a = 'auto' }}", "'model.transforms.a'"),
        (f"{NEEDED}model.latents = 'int8'", "'model.latents'"),
        (f"{NEEDED}evaluation.peaks = [{{ column = 'm' }}]", "'evaluation.peaks.0.window'"),
        (f"{NEEDED}evaluation.peaks = [{{ column = 'm', window = [1, 2, 3] }}]", "'evaluation.peaks.0.window'"),
        (f"{NEEDED}evaluation.peaks = [{{ column = 'm', window = [1, 2], bins = 9 }}]", "'evaluation.peaks.0.bins'"),
        (f"{NEEDED}experiment = {{}}", "'experiment.recipes'"),
        (f"{NEEDED}experiment = {{ recipes = [] }}", "'experiment.recipes'"),
        (f"{NEEDED}experiment = {{ recipes = [{{ model = {{}} }}] }}", "'experiment.recipes.0.name'"),
        (f"{NEEDED}experiment = {{ kinds = [], recipes = [{{ name = 'a' }}] }}", "'experiment.kinds'"),
        (f"{NEEDED}experiment = {{ seeds = [], recipes = [{{ name = 'a' }}] }}", "'experiment.seeds'"),
        (f"{NEEDED}experiment = {{ seeds = [1, -1], recipes = [{{ name = 'a' }}] }}", "'experiment.seeds.1'"),
    ],
)
def test_wrong_settings_are_named(written, text, words):
    path = written(text)
    with pytest.raises(UsageError, match=words) as caught:
        read_project(path)
    assert caught.value.path == str(path)


def test_settings_of_a_command_have_no_path():
    with pytest.raises(UsageError, match=r"^setting 'epochs'"):
        check_settings(ModelSettings, {"epochs": "many"})


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.builds(
        ModelSettings,
        kind=st.sampled_from(["ae", "vae"]),
        latent=st.none() | st.integers(1, 4096),
        hidden=st.lists(st.integers(1, 65536), max_size=4).map(tuple),
        learning_rate=st.floats(1e-9, 1e3),
        beta=st.floats(0, 1e9),
        weights=st.dictionaries(st.text(max_size=5), st.floats(1e-9, 1e9), max_size=3),
        seed=st.integers(0, 2**63 - 1),
    )
)
def test_settings_survive_their_plain_values(model):
    assert check_settings(ModelSettings, model.model_dump()) == model
    assert check_settings(ModelSettings, model.model_dump(mode="json")) == model
    assert check_settings(ModelSettings, model.model_dump(exclude_defaults=True)) == model


def test_a_text_alone_is_a_list_of_one(written):
    alone = """
columns = "Jet_*"
bound = "bits:10"
[model]
kind = "Independent"
hidden = 8
[evaluation]
angles = "*phi"
[[evaluation.quantities]]
name = "HT"
objects = "Jet_*"
rows = 0
[experiment]
kinds = "vae"
seeds = 7
recipes = [{ name = "a" }]
"""
    listed = alone
    for value in ('"Jet_*"', '"bits:10"', "8", '"*phi"', "0", '"vae"', "7"):
        listed = listed.replace(f"= {value}\n", f"= [{value}]\n")
    listed = listed.replace('"Independent"', '"independent"')
    assert listed.count("[8]") == 1
    assert read_project(written(NEEDED + alone)) == read_project(written(NEEDED + listed))


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Project(name="z", input="x").name = "y"


HOSTILE = {
    "deep": b"x = " + b"[" * 20_000 + b"]" * 20_000,
    "deep tables": b"[" + b"a." * 20_000 + b"a]\n",
    "many digits": b"seed = " + b"9" * 5_000,
    "an unknown setting of many digits": f"{NEEDED}colour = 0x{'f' * 5_000}".encode(),
    "no UTF-8": NEEDED.encode("utf-16"),
    "Latin-1": f"{NEEDED}output = 'Jürgen'".encode("latin-1"),
    "large": b"#" * (LARGEST_PROJECT + 1),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused(tmp_path, content):
    (tmp_path / "project.toml").write_bytes(content)
    with pytest.raises((SourceError, UsageError), match=r"project\.toml") as caught:
        read_project(tmp_path / "project.toml")
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("number", ["1e999", "nan", "-inf", "1" + "0" * 400, "1" + "0" * 4_000, "''"])
@pytest.mark.parametrize(
    "place",
    [
        "model.epochs = {}",
        "model.batch_rows = {}",
        "model.threads = {}",
        "model.sample_rows = {}",
        "model.warmup_epochs = {}",
        "model.learning_rate = {}",
        "model.weights = {{ x = {} }}",
        "evaluation.peaks = [{{ column = 'm', window = [1, {}] }}]",
        "evaluation.quantities = [{{ name = 'm', objects = ['*'], rows = [{}] }}]",
        "evaluation.cuts = [{{ cut = 'x > 1', at_least = {} }}]",
        "evaluation.tolerances = {{ largest = {{ x = {} }} }}",
        "name = {}",
    ],
)
def test_numbers_beyond_all_measure_are_refused(written, number, place):
    with pytest.raises(UsageError, match=r"project\.toml: setting '") as caught:
        read_project(written((NEEDED if "name =" not in place[:6] else "input = 'x'\n") + place.format(number)))
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../a", "/tmp/a", "a/b", "a\\b", "C:a", "a\0"])
def test_a_name_does_not_lead_out_of_the_output_folder(name):
    with pytest.raises(UsageError, match=r"setting 'name': .*a name without folders"):
        check_settings(Project, {"name": name, "input": "x"})


@settings(max_examples=200)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_project_or_our_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises((SourceError, UsageError)):
        read_project(path)


@pytest.mark.parametrize("content", [b"name = ", b'name = "a"\nname = "b"', b"[model\n"])
def test_a_file_that_is_not_toml(tmp_path, content):
    (tmp_path / "project.toml").write_bytes(content)
    with pytest.raises(SourceError, match=r"project\.toml: is not TOML"):
        read_project(tmp_path / "project.toml")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SourceError, match=r"does not exist.*baler-vae new"):
        read_project(tmp_path / "none.toml")
    (tmp_path / "project.toml").touch()
    with pytest.raises(SourceError, match=r"does not exist. Did you mean '.*project.toml'\?"):
        read_project(tmp_path / "project_.toml")
    with pytest.raises(SourceError, match="is a directory"):
        read_project(tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SourceError, match="is not a regular file"):
        read_project(tmp_path / "pipe.toml")
    with pytest.raises(SourceError, match="cannot be read: File name too long"):
        read_project("x" * 5_000)

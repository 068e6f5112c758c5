"""A list in a project.toml is changed in its text."""

import re
import tomllib
from pathlib import Path

import pytest

from baler_vae.cli.editing import with_list, with_values
from baler_vae.errors import UsageError

PROJECTS = Path(__file__).parents[2] / "projects"
NEW = ["Jet_pt=bits:10,floor:0.1", 'ü"=abs:1']
WRITTEN = '[\n    "Jet_pt=bits:10,floor:0.1",\n    "ü\\"=abs:1",\n]'


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ('name = "a" # x\nbound = []  # y\n\n[m]\nk = 1\n', f'name = "a" # x\nbound = {WRITTEN}  # y\n\n[m]\nk = 1\n'),
        ("\"bound\"=['a]']\nx = 1", f'"bound"={WRITTEN}\nx = 1'),
        ("bound = 'a' # one\nx = 1\n", f"bound = {WRITTEN} # one\nx = 1\n"),
        (
            'x = """\n[m]\nbound = []"""\n# end\n[m]\n',
            f'x = """\n[m]\nbound = []"""\n# end\nbound = {WRITTEN}\n\n[m]\n',
        ),
        ("# only\n[m]\nbound = []\n", f"# only\nbound = {WRITTEN}\n\n[m]\nbound = []\n"),
        (
            "b = 1\n\n  # z\n[z]\nk.a = 'x'\n[[y]] # y\n[a.b]\n",
            f"b = 1\n\n  # z\nbound = {WRITTEN}\n\n[z]\nk.a = 'x'\n[[y]] # y\n[a.b]\n",
        ),
        ("x = {a = [1, 2]}", f"x = {{a = [1, 2]}}\nbound = {WRITTEN}\n"),
        ("", f"bound = {WRITTEN}\n"),
    ],
)
def test_all_else_stays(text, changed):
    assert with_list(text, "bound", NEW) == changed
    assert tomllib.loads(changed) == {**tomllib.loads(text), "bound": NEW}


def test_comments_in_the_list_stay():
    text = 'bound = [ # one ]\n    # two "\n    "Jet_pt=bits:8", # three\n] # four\nname = "a"\n'
    changed = with_list(text, "bound", NEW)
    assert [line.strip() for line in changed.splitlines() if "#" in line] == [
        "# one ]",
        '# two "',
        "# three",
        "] # four",
    ]
    assert tomllib.loads(changed) == {"name": "a", "bound": NEW}


def test_twice_is_once():
    once = with_list("bound = []\r\nx = 1\r\n", "bound", NEW)
    assert with_list(once, "bound", NEW) == once
    assert once.endswith("\r\nx = 1\r\n")


@pytest.mark.parametrize("text", ['bound.x = ["a"]\n', "[bound]\n", "bound = 3\n"])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(UsageError, match="cannot be changed"):
        with_list(text, "bound", NEW)


@pytest.mark.parametrize("path", sorted(PROJECTS.glob("*/project.toml")), ids=lambda path: path.parent.name)
def test_all_of_a_project_but_its_bounds_stays(path):
    text = path.read_text("utf-8")
    changed = with_list(text, "bound", NEW)
    the_list = re.compile(r"^bound = \[[^\]]*\]", re.MULTILINE)
    kept, expected = (list(filter(None, the_list.sub("", own).splitlines())) for own in (changed, text))
    assert kept == expected
    assert tomllib.loads(changed) == {**tomllib.loads(text), "bound": NEW}


@pytest.mark.parametrize(
    ("text", "changes", "changed"),
    [
        ("a = 1 # x\n\n[m] # y\nk = 1 # z\n", {("m", "k"): 2}, "a = 1 # x\n\n[m] # y\nk = 2 # z\n"),
        ("[m]\nk = 1\n[m.w]\nx = 1\n", {("m", "n"): [1]}, "[m]\nk = 1\nn = [1]\n\n[m.w]\nx = 1\n"),
        ("[m]\nw = {x = 1}\n", {("m", "w", "y"): 0.5}, None),
        ("a = 1\n", {("m", "o", "k"): "v"}, None),
        ("m.k = 1\nm.o.k = 2 # x\n", {("m", "o", "k"): 3}, "m.k = 1\nm.o.k = 3 # x\n"),
        ("", {("a",): (1, 2)}, "a = [1, 2]\n"),
        ("[m]\nw = {x = 1}\n", {("m", "w"): {"y": 2}}, None),
    ],
)
def test_values_change_and_all_else_stays(text, changes, changed):
    found = with_values(text, changes)
    if changed is not None:
        assert found == changed
    wanted = tomllib.loads(text)
    for path, value in changes.items():
        table = wanted
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = list(value) if isinstance(value, tuple) else value
    assert tomllib.loads(found) == wanted


def test_the_values_of_a_file_that_is_no_toml():
    with pytest.raises(UsageError) as caught:
        with_values("a = = 1\n", {("m", "k"): "v"})
    assert 'm.k = "v"' in str(caught.value)

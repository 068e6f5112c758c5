"""The floors of the house, and what must stay out of it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import baler_vae

PACKAGE = Path(baler_vae.__file__).parent
PROJECT = PACKAGE.parent

with Path(__file__).with_name("floors.toml").open("rb") as _file:
    ROOMS: dict[str, tuple[int, set[str]]] = {
        room["name"]: (room["floor"], set(room["may_use"])) for room in tomllib.load(_file)["rooms"]
    }
REPORT = ("iminuit", "jinja2", "markupsafe", "matplotlib", "mplhep", "scipy")
EXTRAS = {
    "torch": "train",
    "hdf5plugin": "hdf5",
    **dict.fromkeys(("dask", "dask_awkward", "distributed"), "dask"),
    **dict.fromkeys(REPORT, "report"),
    **dict.fromkeys(("optuna", "sklearn"), "explore"),
}
DISTRIBUTIONS = {"array_api_compat": "array-api-compat", "dask_awkward": "dask-awkward", "sklearn": "scikit-learn"}
BROUGHT_BY = {"markupsafe": "jinja2"}
HEAVY = {
    "torch",
    "matplotlib",
    "numba",
    "uproot",
    "dask",
    "fsspec",
    "aiohttp",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "sklearn",
    "awkward",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The absolute names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module == "baler_vae":
                names |= {f"baler_vae.{alias.name if alias.name in ROOMS else '__init__'}" for alias in node.names}
            else:
                names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_from_lower_floors_only(path):
    floor, packages = ROOMS[room_of(path)]
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "baler_vae":
            other = rest.partition(".")[0] or "__init__"
            if other != room_of(path):
                assert ROOMS[other][0] < floor, f"{room_of(path)} imports {name}"
        elif top not in sys.stdlib_module_names:
            assert top in packages | {"numpy"}, f"{room_of(path)} imports {name}"


def test_only_front_doors_import_by_name():
    """Modules of the package may be found by name, where that keeps imports light; packages of others never are."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
                is_door = path in {PACKAGE / "__init__.py", PACKAGE / "explore" / "__init__.py"}
                assert is_door or room_of(path) == "io", f"{path}: {ast.unparse(node)}"


def test_every_room_has_its_floor():
    assert {room_of(path) for path in MODULES} == set(ROOMS)


def test_no_room_is_crowded():
    """The largest room holds at most 12 % of the lines."""
    lines: dict[str, int] = {}
    for path in MODULES:
        lines[room_of(path)] = lines.get(room_of(path), 0) + path.read_text("utf-8").count("\n")
    assert max(lines.values()) <= 0.12 * sum(lines.values()), sorted(lines.items(), key=lambda item: item[1])[-3:]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short_and_silent(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    if room_of(path) != "cli":
        calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("arguments", [["-c", "import baler_vae, sys"], ["-m", "baler_vae", "--help"]])
def test_importing_is_light(arguments):
    code = f"""
import runpy, sys
sys.argv = ["baler-vae", *{arguments[2:]!r}]
try:
    {"import baler_vae" if arguments[0] == "-c" else 'runpy.run_module("baler_vae", run_name="__main__")'}
except SystemExit:
    pass
heavy = {HEAVY!r} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_front_door_shows_what_it_offers():
    assert dir(baler_vae) == baler_vae.__all__ == sorted(baler_vae.__all__)
    assert all(getattr(baler_vae, name) is not None for name in baler_vae.__all__)
    assert not set(baler_vae.__all__) & set(ROOMS), "once imported, a room takes the place of such a name"
    with pytest.raises(AttributeError, match="no attribute 'shrink'"):
        _ = baler_vae.shrink


def test_dependencies_are_declared_and_used():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]

    def declared(lines):
        return {re.split(r"[<>=\[]", line)[0].strip() for line in lines}

    used = {package for _, packages in ROOMS.values() for package in packages} | {"numpy"}
    core = {DISTRIBUTIONS.get(package, package) for package in used if package not in EXTRAS}
    assert declared(project["dependencies"]) == core
    for package, extra in EXTRAS.items():
        name = DISTRIBUTIONS.get(package, BROUGHT_BY.get(package, package))
        assert name in declared(project["optional-dependencies"][extra])
    imported = {name.partition(".")[0] for path in MODULES for name in imports(path)}
    assert used <= imported

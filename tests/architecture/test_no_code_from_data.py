"""Nothing that is read may run code: no pickle, no unsafe YAML, no archive unpacked unseen, no text evaluated."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FORBIDDEN_MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "subprocess", "zipfile"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all"),
    *("shutil.unpack_archive", "pandas.read_pickle", "pd.read_pickle"),
}
ALLOWED = {
    ("construction_zone/learn/model.py", "import pickle"),  # the name of an error, for except
}


def faults(source: str, name: str) -> list[str]:
    """What the Python text `source` does that could run code from data."""
    tree, found = ast.parse(source), []

    def fault(node: ast.AST, told: str) -> None:
        if (name, told) not in ALLOWED:
            found.append(f"{name}:{node.lineno}: {told}")  # type: ignore[attr-defined]

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in FORBIDDEN_MODULES:
                    fault(node, f"import {alias.name}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            fault(node, f"from {node.module} import")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: word.value for word in node.keywords}
            if called in FORBIDDEN_CALLS or called.endswith((".extractall", ".extract")):
                fault(node, called)
            if isinstance(given.get("allow_pickle"), ast.Constant) and given["allow_pickle"].value:  # type: ignore[attr-defined]
                fault(node, f"{called} with pickles")
            if called == "yaml.load" and "Safe" not in _bases(tree, given.get("Loader")):
                fault(node, "yaml.load without a safe loader")
            if called == "torch.load" and ast.unparse(given.get("weights_only", ast.Constant(False))) != "True":
                fault(node, "torch.load of more than weights")
    return found


def _bases(tree: ast.AST, loader: ast.expr | None) -> str:
    """The name of a YAML loader, or those of the classes that it extends."""
    name = "" if loader is None else ast.unparse(loader)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    return " ".join([name, *(ast.unparse(base) for node in classes for base in node.bases)])


def test_nothing_that_is_read_can_run_code() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    assert [told for path in files for told in faults(path.read_text(), path.relative_to(SOURCE).as_posix())] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from cloudpickle import loads",
        "def f(path):\n    import marshal",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "archive.extractall(folder)",
        "eval(text)",
        "os.system(text)",
    ],
)
def test_each_way_to_run_code_is_found(source: str) -> None:
    assert len(faults(source, "some.py")) == 1


def test_what_is_safe_is_let_through() -> None:
    source = (
        "np.load(path)\ntorch.load(path, weights_only=True)\nyaml.load(text, Loader=yaml.SafeLoader)\nnetwork.eval()"
    )
    assert faults(source, "some.py") == []

"""What the stubs say is there, with the arguments that they say."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import keyscan
from keyscan import _keyscan

STUBS = ast.parse((Path(keyscan.__file__).parent / "_keyscan.pyi").read_text())


def names(function: ast.FunctionDef) -> list[str]:
    given = function.args
    return [argument.arg for argument in given.posonlyargs + given.args + given.kwonlyargs if argument.arg not in ("self", "cls")]


def signature(thing: object) -> list[str]:
    return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]  # type: ignore[arg-type]


def test_classes_and_functions_are_those_of_the_module():
    classes = {node.name: node for node in STUBS.body if isinstance(node, ast.ClassDef)}
    functions = {node.name: node for node in STUBS.body if isinstance(node, ast.FunctionDef)}
    public = {name for name in dir(_keyscan) if not name.startswith("_")}
    assert public == set(classes) | set(functions)
    for name, node in functions.items():
        assert signature(getattr(_keyscan, name)) == names(node), name
    for name, node in classes.items():
        kind = getattr(_keyscan, name)
        told = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        there = {member for member in vars(kind) if not member.startswith("_")}
        assert there == {member for member in told if not member.startswith("_")}, name
        for member, item in told.items():
            is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in item.decorator_list)
            if member == "__new__":
                assert signature(kind) == names(item), name
            elif not is_property and not member.startswith("__"):
                assert signature(getattr(kind, member)) == names(item), f"{name}.{member}"
            assert member.startswith("__") or inspect.getdoc(getattr(kind, member)), f"{name}.{member} has no documentation"


def test_everything_public_is_there_and_documented():
    assert set(keyscan.__all__) <= set(dir(keyscan))
    for name in keyscan.__all__:
        thing = getattr(keyscan, name)
        assert name == "known" or inspect.getdoc(thing), name
    assert (Path(keyscan.__file__).parent / "py.typed").exists()

"""Names of inputs, outputs and closed-over weights from pytree paths."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import CellType

from litesmith.frontends.jax.live import OpenJaxpr


def path_text(path: Sequence[object], joint: str = "_") -> str:
    """A pytree path as a name: its keys, indices and attributes joined."""
    words = [str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))).strip(".[]'\"") for k in path]
    return joint.join(w for w in words if w)


def parameter_names(jaxpr: OpenJaxpr, args: Sequence[object], kwargs: dict[str, object]) -> list[str]:
    """A name for every input of a traced function: the parameter's, and the path within it.

    Leaves of a dict have their keys for names, as long as no other input has the same. A function JAX knows no
    parameters of gives `input_names`.
    """
    debug = getattr(jaxpr, "debug_info", None)
    paths = [_words(str(text)) for text in getattr(debug, "arg_names", None) or () if text]
    if len(paths) != len(jaxpr.invars) or not all(words for words, _ in paths):
        return input_names(args, kwargs)
    long = ["_".join(path) for path, _ in paths]
    short = ["_".join(path[1:] if is_dict else path) for path, is_dict in paths]
    return _shortest(short, long)


def _words(text: str) -> tuple[list[str], bool]:
    """A path as JAX prints it (``batch['image'][0]``) as its parts, and whether a key comes first."""
    words = [re.sub(r"\W+", "_", w).strip("_") for w in re.findall(r"[^\[\].]+", text)]
    return [w for w in words if w], bool(re.match(r"\w+\['", text))


def _shortest(short: list[str], long: list[str]) -> list[str]:
    counts = Counter(short)
    return unique([s if counts[s] == 1 else full for s, full in zip(short, long, strict=True)])


def input_names(args: Sequence[object], kwargs: dict[str, object]) -> list[str]:
    """A name for every leaf: ``args_0`` of a plain argument, the keys of a dict's leaves, keyword names as they are.

    Names that would occur twice get the argument's name in front.
    """
    from jax.tree_util import tree_flatten_with_path

    short, long = [], []
    for index, arg in enumerate(args):
        for path, _ in tree_flatten_with_path(arg)[0]:
            inner = path_text(path)
            long.append(f"args_{index}_{inner}" if inner else f"args_{index}")
            short.append(inner if isinstance(arg, dict) and inner else long[-1])
    for path, _ in tree_flatten_with_path(kwargs)[0]:
        short.append(path_text(path))
        long.append(f"kwargs_{path_text(path)}")
    return _shortest(short, long)


def output_names(tree: object) -> list[str]:
    """A name for every leaf of a result: ``output_0``, ``output_1`` … of a sequence, the keys of a dict."""
    from jax.tree_util import tree_flatten_with_path

    leaves = tree_flatten_with_path(tree)[0]
    if isinstance(tree, dict):
        return unique([path_text(path) for path, _ in leaves])
    return [f"output_{i}" for i in range(len(leaves))]


def unique(names: Sequence[str]) -> list[str]:
    """The names, repeated ones numbered."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return result


def closed_over_names(function: Callable[..., object]) -> dict[int, str]:
    """Names of the arrays a function closes over, by identity: the variable's name and the path within it."""
    names: dict[int, str] = {}
    for name, value in _captured_variables(function, set()):
        for path, leaf in _leaves(value):
            if hasattr(leaf, "shape"):
                text = "/".join(part for part in (name, path_text(path, "/")) if part)
                names.setdefault(id(leaf), text)
    return names


def _leaves(value: object) -> list[tuple[Sequence[object], object]]:
    from jax.tree_util import tree_flatten_with_path

    try:
        return list(tree_flatten_with_path(value)[0])
    except (TypeError, ValueError):  # no pytree: a dict whose keys have no order, a node that refuses
        return []


def _captured_variables(function: object, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Variables a function can see besides its arguments, functions among them followed."""
    if id(function) in seen or len(seen) > 64:
        return
    seen.add(id(function))
    if isinstance(function, functools.partial):
        yield from _named_values("args", function.args, seen)
        yield from _named_values("", function.keywords, seen)
        yield from _captured_variables(function.func, seen)
        return
    if hasattr(function, "__self__"):
        yield from _named_values("", function.__self__, seen)
    inner = getattr(function, "__wrapped__", None)
    if inner is not None:
        yield from _captured_variables(inner, seen)
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is not None:
        for name, cell in zip(code.co_freevars, cells or (), strict=False):
            yield from _named_values(name, _contents(cell), seen)
        scope = getattr(function, "__globals__", {})
        for name in code.co_names:
            if name in scope:
                yield from _named_values(name, scope[name], seen)
    elif not isinstance(function, type):
        yield from _named_values("", function, seen)


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # the variable is not assigned yet
        return None


def _named_values(name: str, value: object, seen: set[int]) -> Iterator[tuple[str, object]]:
    is_function = hasattr(value, "__code__") or hasattr(value, "__wrapped__") or isinstance(value, functools.partial)
    if is_function:
        yield from _captured_variables(value, seen)
    elif value is not None and not hasattr(value, "__path__"):
        yield name, value

"""Composites that are kept: STABLEHLO_COMPOSITE with the decomposition as a subgraph.

A delegate that knows the name runs its own kernel; every other runtime runs the subgraph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, cast

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.formats.tflite.flexbuffer import Plain, write_map
from litesmith.frontends.frame import POISON
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import Jaxpr
from litesmith.frontends.jax.types import Item, Tensor
from litesmith.ir import Value


def is_kept(ctx: Context, name: str) -> bool:
    """Whether a composite of this name shall stay one."""
    return any(fnmatchcase(name, pattern) for pattern in ctx.session.keep_composites)


def keep(ctx: Context, jaxpr: Jaxpr, args: Sequence[Tensor], params: Mapping[str, object]) -> list[Item]:
    """The results of the operator. args: in their full shapes. Raises UnsupportedError for what it cannot hold."""
    name = str(params["name"])
    tensors = [a for a in args if isinstance(a, Value)]
    if not args or len(tensors) < len(args):
        raise UnsupportedError(f"the composite {name!r} takes no tensors, or complex ones", "do not keep this composite")
    graph = ctx.session.new_graph(name)
    inputs = [graph.add_input(a.type) for a in tensors]
    inner = ctx.into(graph)
    results = inner.call(jaxpr, inputs)
    if any(r is POISON for r in results):
        return [POISON] * len(results)
    made = [inner.expand(r, a) for r, a in zip(results, ctx.avals_out, strict=True) if isinstance(r, Value)]
    if len(made) < len(results):
        raise UnsupportedError(f"the composite {name!r} gives complex tensors", "do not keep this composite")
    graph.outputs = made
    attributes = {key: _plain(name, key, value) for key, value in attributes_of(params).items()}
    return list(
        ctx.b.emit(
            ctx.session.opset["STABLEHLO_COMPOSITE"],
            tensors,
            result_types=[r.type for r in made],
            name=name,
            decomposition_subgraph=graph,
            composite_attributes=write_map(attributes),
            version=cast(int, params.get("version") or 0),
        )
    )


class Tree(Protocol):
    """``jax.tree_util.PyTreeDef``."""

    def unflatten(self, leaves: Sequence[object]) -> object: ...


def attributes_of(params: Mapping[str, object]) -> dict[str, object]:
    """The attributes of a ``jax.lax.composite`` by name. JAX keeps each as its leaves and the tree they make."""
    attributes: dict[str, object] = {}
    for given in cast("Sequence[tuple[str, object] | tuple[str, Sequence[object], Tree]]", params.get("attributes") or ()):
        if len(given) == 2:
            attributes[given[0]] = given[1]
            continue
        name, leaves, tree = given
        attributes[name] = tree.unflatten([getattr(leaf, "val", leaf) for leaf in leaves])
    return attributes


def _plain(name: str, key: str, value: object) -> Plain:
    """An attribute as a FlexBuffer map holds it."""
    if isinstance(value, np.generic):
        number: Plain = value.item()
        return number
    if isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "shape") or isinstance(value, (list, tuple)):
        array = np.asarray(value)
        if array.ndim == 1 and array.size and array.dtype.kind in "iufU":
            listed: Plain = array.tolist()
            return listed
    raise UnsupportedError(
        f"the attribute {key!r} of the composite {name!r} is a {type(value).__name__}",
        "give numbers, texts or lists of them, or do not keep this composite",
    )

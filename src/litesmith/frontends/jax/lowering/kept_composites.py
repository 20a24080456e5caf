"""Composites that are kept: STABLEHLO_COMPOSITE with the decomposition as a subgraph.

A delegate that knows the name runs its own kernel; every other runtime runs the subgraph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.formats.tflite.flexbuffer import write_map
from litesmith.frontends.frame import POISON
from litesmith.frontends.jax.importer import Context
from litesmith.ir import Value


def is_kept(ctx: Context, name: str) -> bool:
    """Whether a composite of this name shall stay one."""
    return any(fnmatchcase(name, pattern) for pattern in ctx.session.keep_composites)


def keep(ctx: Context, jaxpr: Any, args: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
    """The results of the operator. args: in their full shapes. Raises UnsupportedError for what it cannot hold."""
    name = str(params["name"])
    if not args or not all(isinstance(a, Value) for a in args):
        raise UnsupportedError(f"the composite {name!r} takes no tensors, or complex ones", "do not keep this composite")
    graph = ctx.session.new_graph(name)
    inputs = [graph.add_input(a.type) for a in args]
    inner = ctx.into(graph)
    results = inner.call(jaxpr, inputs)
    if any(r is POISON for r in results):
        return [POISON] * len(results)
    made = [inner.expanded(r, a) for r, a in zip(results, ctx.avals_out, strict=True)]
    if not all(isinstance(r, Value) for r in made):
        raise UnsupportedError(f"the composite {name!r} gives complex tensors", "do not keep this composite")
    graph.outputs = made
    attributes = {key: _plain(name, key, value) for key, value in attributes_of(params).items()}
    return list(
        ctx.b.emit(
            ctx.session.opset["STABLEHLO_COMPOSITE"],
            args,
            result_types=[r.type for r in made],
            name=name,
            decomposition_subgraph=graph,
            composite_attributes=write_map(attributes),
            version=int(params.get("version") or 0),
        )
    )


def attributes_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a ``jax.lax.composite`` by name. JAX keeps each as its leaves and the tree they make."""
    attributes: dict[str, Any] = {}
    for name, *rest in params.get("attributes") or ():
        if len(rest) == 1:
            attributes[name] = rest[0]
            continue
        leaves, tree = rest
        attributes[name] = tree.unflatten([getattr(leaf, "val", leaf) for leaf in leaves])
    return attributes


def _plain(name: str, key: str, value: Any) -> Any:
    """An attribute as a FlexBuffer map holds it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "shape") or isinstance(value, (list, tuple)):
        array = np.asarray(value)
        if array.ndim == 1 and array.size and array.dtype.kind in "iufU":
            listed: list[Any] = array.tolist()
            return listed
    raise UnsupportedError(
        f"the attribute {key!r} of the composite {name!r} is a {type(value).__name__}",
        "give numbers, texts or lists of them, or do not keep this composite",
    )

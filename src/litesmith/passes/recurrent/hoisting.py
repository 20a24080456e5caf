"""What a loop computes of its rows alone is computed before it, of all rows at once.

    body: %r = GATHER(%x, %i)                         %x: [t, n, 4]
          %y = FULLY_CONNECTED(%r, w, bias)
⇒
    %xs = FULLY_CONNECTED(%x, w, bias) {keep_num_dims=True}          before the loop
    body: %y = GATHER(%xs, %i)

One product of all steps is faster than one in each. The runtime copies no loop variable that the body passes on and
nobody takes after the loop, so the products ride along free. Legal because each row of the product is a function of that
row alone, and a step takes each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Program, Value
from litesmith.ops import OPS
from litesmith.ops.control import WHILE
from litesmith.ops.matmul import FULLY_CONNECTED
from litesmith.passes.driver import erase_dead, replace_result
from litesmith.passes.match import is_float
from litesmith.passes.recurrent.affine import UnclearError
from litesmith.passes.recurrent.loops import Row, Scan, read_scan
from litesmith.passes.subgraph_variables import call_counts

NAME = "hoisted-products"


def hoist(program: Program) -> int:
    """Returns how many products left their loop."""
    return sum(_hoist(scan) for scan in own_scans(program))


def own_scans(program: Program) -> Iterator[Scan]:
    """The loops over rows whose graphs are called by nobody else."""
    calls = call_counts(program)
    for graph in program.all_graphs():
        for op in list(graph.ops):
            if op.defn is WHILE and all(calls[id(g)] == 1 for g in op.subgraphs):
                try:
                    yield read_scan(op)
                except UnclearError:
                    continue


def _hoist(scan: Scan) -> int:
    products = [(p, row) for value, row in scan.rows.items() for p in _products(value, row)]
    for product, row in products:
        _move_out(scan, product, row)
    return len(products)


def _products(value: Value, row: Row) -> list[Op]:
    """The products of a row with constant weights, where nothing else is made of it."""
    found = [op for op in value.users if op.defn is FULLY_CONNECTED and op["x"] is value]
    if row.axis or value.rank != 2 or value.output_uses or len(found) != len(value.users):
        return []
    return found if all(all(v.is_const and is_float(v) for v in op.inputs[1:]) for op in found) else []


def _move_out(scan: Scan, product: Op, row: Row) -> None:
    loop, graph = scan.op, scan.op.graph
    assert graph is not None
    b = Builder(graph, OPS, loop, product.origins)
    (all_rows,) = b.emit(
        product.defn, [scan.outer(row.variable), *product.operands[1:]], **{**product.attrs, "keep_num_dims": True}
    )
    inside = add_variable(loop, all_rows)
    taken = product["x"].op
    assert taken is not None
    within = Builder(scan.body, OPS, product, product.origins)
    (gathered,) = within.emit(taken.defn, [inside, *taken.operands[1:]], **taken.attrs)
    replace_result(scan.body, product.result, gathered)
    erase_dead(scan.body, [product])


def add_variable(loop: Op, value: Value) -> Value:
    """Lets a loop carry a value from outside that no step changes. Returns what the body sees."""
    cond, body = loop.subgraphs
    result = Value(value.type)
    result.op, result.index = loop, len(loop.results)
    loop.results.append(result)
    loop.set_operands([*loop.operands, value])
    cond.add_input(value.type)
    inside = body.add_input(value.type)
    body.outputs = [*body.outputs, inside]
    return inside



"""Values that stand for the results of a node that could not be lowered, so that what is behind it is lowered, too.

A stand-in has the types that the operator declares, and the shape that the model or its operands tell. It is the result
of an operation that never gets into a file: the import ends with an error anyway. What is refused behind one counts
where that is certain whatever the value is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litesmith.errors import ConverterError, LitesmithError, Problem
from litesmith.frontends.frame import POISON, Poison
from litesmith.ir import DType, Program, TensorType, Value

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef
    from litesmith.frontends.tensorflow.attributes import Attrs
    from litesmith.frontends.tensorflow.importer import Context
    from litesmith.frontends.tensorflow.resources import Item

CERTAIN, TYPED, UNTYPED = range(3)
"""What is known of the operands of a node: all, types and ranks of some only, not even the rank of some."""

_NO_LOWERING, _OF_TYPES, _OF_LOWERINGS = "LS010", "LS012", "LS001"
_OF_VALUES = re.compile("known|fixed|constant|size|shape|rank|range")
"""Reasons that another value of the same type might not give."""


@dataclass
class Doubts:
    """What follows from stand-ins in one import. level: of the node being lowered, and those around it."""

    values: dict[int, Item] = field(default_factory=dict)
    level: int = CERTAIN
    is_allowed: bool = True

    def add(self, results: Iterable[Item]) -> None:
        """Keeps what is a stand-in or follows from one."""
        self.values.update({id(r): r for r in results if r is not POISON})

    def of(self, inputs: Iterable[Item]) -> int:
        """What is known of these operands."""
        doubtful = [v for v in inputs if id(v) in self.values]
        untyped = any(not isinstance(v, Value) or v.type.shape is None for v in doubtful)
        return max(self.level, UNTYPED if untyped else TYPED if doubtful else CERTAIN)

    def counts(self, problem: Problem) -> bool:
        """Whether a problem of the node being lowered stands whatever the values of its operands are."""
        if self.level == CERTAIN or problem.code == _NO_LOWERING:
            return True
        may_be = problem.code == _OF_TYPES or (self.level == TYPED and problem.code == _OF_LOWERINGS)
        return may_be and not _OF_VALUES.search(problem.reason)


def stand_ins(context: Context, node: NodeDef, attrs: Attrs, inputs: Sequence[Item]) -> Sequence[Item] | Poison:
    """Stand-ins for a node's results; `POISON` where their types are not known."""
    from litesmith.frontends.tensorflow.custom_ops import element_types, with_defaults
    from litesmith.frontends.tensorflow.select_ops import known_declarations, result_shapes

    declaration = known_declarations().get(node.op)
    if declaration is None or not context.session.doubts.is_allowed:
        return POISON
    given = with_defaults(declaration, attrs)
    try:
        dtypes = [dtype for output in declaration.output_arg for dtype in element_types(output, given)]
    except (ConverterError, LookupError, TypeError, ValueError):
        return POISON
    if any(dtype in (DType.RESOURCE, DType.VARIANT) for dtype in dtypes):
        return POISON
    operands = [v.type if isinstance(v, Value) else None for v in inputs]
    known = [t for t in operands if t is not None]
    shapes = result_shapes(node, given, known, len(dtypes)) if len(known) == len(operands) else [None] * len(dtypes)
    types = [TensorType(dtype, shape) for dtype, shape in zip(dtypes, shapes, strict=True)]
    if not types:
        return []
    results = list(context.b.custom(custom_code=node.op, custom_options=b"", result_types=types))
    context.session.doubts.add(results)
    return results


def further_problems(program: Program) -> list[Problem]:
    """What the kernels would not take of a program that has problems already, where that is certain."""
    from litesmith.ir.verify import InvalidIRError, kernel_problems
    from litesmith.passes import pipeline

    try:
        pipeline.run(program)
    except (LitesmithError, InvalidIRError, ArithmeticError, LookupError, TypeError, ValueError):
        return []  # what is known of stand-ins was not enough; the error to come names what they stand for
    return [p for p in kernel_problems(program) if not _OF_VALUES.search(p.reason)]

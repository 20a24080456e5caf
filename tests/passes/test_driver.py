"""The driver and the pipeline: fixed points, worklists, names, origins, what is never touched."""

import re

import pytest

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Origin
from litesmith.ir.opdef import Trait
from litesmith.ir.printer import print_program
from litesmith.ir.verify import InvalidIRError, verify
from litesmith.passes import pipeline
from litesmith.passes.bias_fusion import BIAS_FUSION
from litesmith.passes.common_subexpressions import COMMON_SUBEXPRESSIONS
from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.driver import Declined, Outcome, Pass, UnsettledWarning, run_pass
from tests.passes.harness import parsed
from tests.passes.texts import elementwise, graph


def test_passes_are_ordered_as_they_declare() -> None:
    names = [p.name for p in pipeline.PASSES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", n) for n in names)
    for index, pass_ in enumerate(pipeline.PASSES):
        late = [n for n in pass_.after if n not in names[:index]]
        assert not late, f"{pass_.name} runs before {late}"


def test_a_pass_without_a_fixed_point_ends_with_a_warning() -> None:
    def swap(op: Op, b: Builder) -> Outcome:
        return b.add(op["y"], op["x"])

    program = parsed(elementwise("ADD(%x, %y)", inputs=("x", "y")))
    with pytest.warns(UnsettledWarning, match="pass swap reaches no fixed point"):
        run_pass(Pass("swap", ("ADD",), swap), program)
    verify(program)


def test_passes_that_undo_each_other_end_with_a_warning() -> None:
    def to_sub(op: Op, b: Builder) -> Outcome:
        return b.sub(op["x"], op["y"])

    def to_add(op: Op, b: Builder) -> Outcome:
        return b.add(op["x"], op["y"])

    program = parsed(elementwise("ADD(%x, %y)", inputs=("x", "y")))
    with pytest.warns(UnsettledWarning, match="no fixed point in 16 rounds"):
        pipeline.run(program, passes=(Pass("to-sub", ("ADD",), to_sub), Pass("to-add", ("SUB",), to_add)))
    verify(program)


def test_a_wrong_type_is_an_error() -> None:
    def transpose(op: Op, b: Builder) -> Outcome:
        return b.transpose(op["x"], [1, 0])

    program = parsed(elementwise("NEG(%x)", type="float32[2, 3]"))
    with pytest.raises(InvalidIRError, match="cannot be replaced"):
        run_pass(Pass("wrong", ("NEG",), transpose), program)


def test_check_names_the_pass_that_breaks_the_ir() -> None:
    def corrupt(op: Op, b: Builder) -> Outcome:
        made = b.abs(op["x"])
        made.op.attrs["nonsense"] = 1
        return made

    program = parsed(elementwise("NEG(%x)"))
    with pytest.raises(InvalidIRError, match="after pass corrupt"):
        pipeline.run(program, check=True, passes=(Pass("corrupt", ("NEG",), corrupt),))


def test_what_a_declined_rewrite_built_is_erased() -> None:
    def hesitate(op: Op, b: Builder) -> Outcome:
        b.exp(b.abs(op["x"]))
        return Declined("on second thoughts")

    program = parsed(elementwise("NEG(%x)"))
    before = print_program(program)
    result = run_pass(Pass("hesitate", (Trait.ELEMENTWISE,), hesitate), program)
    assert print_program(program) == before
    assert not result.modified
    assert "NEG" in result.explain()
    assert "on second thoughts" in result.explain()


def test_origins_and_names_are_kept() -> None:
    program = parsed(
        graph(
            "%x: float32[n, 4]",
            "FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[n, 3]",
            "ADD(%0, float32[3](1, 2, 3)) : float32[n, 3]",
        ).replace("%1", "%logits")
    )
    dense, add = program.main.ops
    dense.origins, add.origins = (Origin("tf.MatMul", "dense/MatMul"),), (Origin("tf.BiasAdd", "dense/BiasAdd"),)
    run_pass(BIAS_FUSION, program)
    (fused,) = program.main.ops
    assert fused.result.name == "logits"
    assert [o.node for o in fused.origins] == ["dense/MatMul", "dense/BiasAdd"]
    assert all(o.passes == ("bias-fusion",) for o in fused.origins)


def test_unknown_sizes_keep_their_symbols() -> None:
    def negate_first(op: Op, b: Builder) -> Outcome:
        return b.reshape(b.neg(op["x"]), op["shape"]) if op["x"].op is None else None

    program = parsed(
        "graph main(%x: float32[n, 4], %s: int32[2]) {\n"
        "%0 = RESHAPE(%x, %s) : float32[a, c]\n%1 = NEG(%0) : float32[a, c]\nreturn %1\n}"
    )
    run_pass(Pass("negate-first", ("RESHAPE",), negate_first), program)
    assert "RESHAPE(%2, %s) : float32[a, c]\n" in print_program(program)


def test_effects_stay() -> None:
    text = """
    graph main(%x: float32[2]) {
      %0 = VAR_HANDLE() {shared_name=v} : resource[]
      %1 = READ_VARIABLE(%0) : float32[2]
      ASSIGN_VARIABLE(%0, %x)
      %2 = READ_VARIABLE(%0) : float32[2]
      %3 = ADD(%1, %2) : float32[2]
      return %3
    }
    """
    program = parsed(text)
    before = print_program(program)
    for pass_ in (DEAD_CODE, COMMON_SUBEXPRESSIONS):
        assert not run_pass(pass_, program).modified
    assert print_program(program) == before


def test_subgraphs_are_rewritten() -> None:
    program = parsed(
        """
        graph main(%p: bool[], %x: float32[n, 4]) {
          %0 = IF(%p, %x) {then_subgraph=@yes, else_subgraph=@no} : float32[n, 4]
          return %0
        }
        graph yes(%x: float32[n, 4]) {
          %0 = MAXIMUM(%x, float32[](0)) : float32[n, 4]
          return %0
        }
        graph no(%x: float32[n, 4]) {
          %0 = EXP(%x) : float32[n, 4]
          %1 = NEG(%x) : float32[n, 4]
          return %1
        }
        """
    )
    pipeline.run(program, check=True)
    assert program.histogram() == {"IF": 1, "NEG": 1, "RELU": 1}


def test_quantized_results_are_left_alone() -> None:
    q = "int8[n, 4]<[0.5], [0], 0>"
    program = parsed(f"graph main(%x: {q}) {{\n%0 = MAXIMUM(%x, {q.replace('n, 4', '1')}(0)) : {q}\nreturn %0\n}}")
    before = print_program(program)
    pipeline.run(program, check=True)
    assert print_program(program) == before


def test_quantized_data_is_moved_once() -> None:
    scale = "<[0.5], [0], 0>"
    program = parsed(
        f"""
        graph main(%x: int8[2, 12]{scale}) {{
          %0 = RESHAPE(%x, int32[2](4, 6)) : int8[4, 6]{scale}
          %1 = RESHAPE(%0, int32[2](3, 8)) : int8[3, 8]{scale}
          %2 = RESHAPE(%1, int32[2](3, 8)) : int8[3, 8]<[0.25], [0], 0>
          return %2
        }}
        """
    )
    pipeline.run(program, check=True)
    assert program.histogram() == {"RESHAPE": 2}, "another scale is another tensor"
    first = next(program.main.ops)
    assert first.inputs[0] is program.main.inputs[0]
    assert first.result.type.quant == program.main.inputs[0].type.quant


def test_what_is_declined_is_explained_once() -> None:
    program = parsed(elementwise("SQRT(%x)", "DIV(%y, %0)", "ADD(%0, %1)", inputs=("x", "y")))
    lines = pipeline.explain(pipeline.run(program, check=True))
    assert [line for line in lines if line.startswith("division-by-root: DIV")] == [
        line for line in lines if line.endswith("the SQRT has other users")
    ]
    assert sum("has other users" in line for line in lines) == 1


def test_the_dump_is_called_after_each_change() -> None:
    seen: list[tuple[str, str]] = []
    program = parsed(elementwise("MAXIMUM(%x, float32[](0))", "MINIMUM(%0, float32[](6))"))
    pipeline.run(program, dump=lambda name, p: seen.append((name, print_program(p))))
    assert [name for name, _ in seen] == ["clamps"]
    assert "RELU6(%x)" in seen[0][1]


def network(depth: int) -> str:
    """A deep chain with something to do for many passes at each step."""
    lines, x = [], "%x"
    for i in range(depth):
        lines += [
            f"%m{i} = MUL({x}, float32[](2)) : float32[n, 3]",
            f"%d{i} = FULLY_CONNECTED(%m{i}, float32[3, 3](1, 0, 0, 0, 1, 0, 0, 0, 1)) : float32[n, 3]",
            f"%s{i} = MUL(%d{i}, float32[3](1, 2, 3)) : float32[n, 3]",
            f"%a{i} = ADD(%s{i}, float32[3](1, 2, 3)) : float32[n, 3]",
            f"%r{i} = MAXIMUM(%a{i}, float32[](0)) : float32[n, 3]",
            f"%c{i} = MINIMUM(%r{i}, float32[](6)) : float32[n, 3]",
            f"%t{i} = TRANSPOSE(%c{i}, int32[2](1, 0)) : float32[3, n]",
            f"%e{i} = EXP(%t{i}) : float32[3, n]",
            f"%u{i} = TRANSPOSE(%e{i}, int32[2](1, 0)) : float32[n, 3]",
        ]
        x = f"%u{i}"
    body = "\n".join(lines)
    return f"graph main(%x: float32[n, 3]) {{\n{body}\nreturn {x}\n}}"


def test_the_work_grows_linearly() -> None:
    def work(depth: int) -> int:
        program = parsed(network(depth))
        results = pipeline.run(program)
        assert program.histogram() == {"EXP": depth, "FULLY_CONNECTED": depth}
        return sum(r.looked_at + r.rewrites for r in results)

    small, large = work(10), work(80)
    assert large <= 8.5 * small


def test_the_pipeline_is_idempotent() -> None:
    program = parsed(network(4))
    pipeline.run(program, check=True)
    assert not any(r.modified for r in pipeline.run(program, check=True))

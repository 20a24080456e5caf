from litesmith.passes.fully_connected import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

WEIGHTS = "float32[3, 2](1, 2, 3, 4, 5, 6)"
TRANSPOSED = "float32[2, 3](1, 3, 5, 2, 4, 6)"


def matmul(x: str, y: str, result: str, attrs: str = "") -> str:
    return f"""
    graph main(%x: float32[{x}]) {{
      %0 = BATCH_MATMUL(%x, {y}){f" {{{attrs}}}" if attrs else ""} : float32[{result}]
      return %0
    }}
    """


def dense(x: str, weights: str, result: str, attrs: str = " {keep_num_dims=True}") -> str:
    return f"""
    graph main(%x: float32[{x}]) {{
      %0 = FULLY_CONNECTED(%x, {weights}){attrs} : float32[{result}]
      return %0
    }}
    """


test_rewritten = rewrites(
    PASSES,
    Rewrite("rank_2", matmul("n, 3", WEIGHTS, "n, 2"), dense("n, 3", TRANSPOSED, "n, 2", "")),
    Rewrite("rank_3", matmul("n, t, 3", WEIGHTS, "n, t, 2"), dense("n, t, 3", TRANSPOSED, "n, t, 2")),
    Rewrite("transposed", matmul("n, t, 3", TRANSPOSED, "n, t, 2", "adj_y=True"), dense("n, t, 3", TRANSPOSED, "n, t, 2")),
    Rewrite(
        "unit_batch",
        matmul("n, t, 3", "float32[1, 3, 2](1, 2, 3, 4, 5, 6)", "n, t, 2"),
        dense("n, t, 3", TRANSPOSED, "n, t, 2"),
    ),
    Rewrite(
        "flattening",
        """
        graph main(%x: float32[n, 2, 3]) {
          %0 = RESHAPE(%x, int32[2](-1, 6)) : float32[n, 6]
          %1 = FULLY_CONNECTED(%0, float32[2, 6](1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)) : float32[n, 2]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 2, 3]) {
          %0 = FULLY_CONNECTED(%x, float32[2, 6](1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)) : float32[n, 2]
          return %0
        }
        """,
    ),
    Rewrite(
        "reshapes_around",
        f"""
        graph main(%x: float32[2, t, 3]) {{
          %0 = RESHAPE(%x, int32[2](-1, 3)) : float32[2*t, 3]
          %1 = FULLY_CONNECTED(%0, {TRANSPOSED}) {{fused_activation_function=RELU}} : float32[2*t, 2]
          %2 = RESHAPE(%1, int32[3](2, -1, 2)) : float32[2, t, 2]
          return %2
        }}
        """,
        dense("2, t, 3", TRANSPOSED, "2, t, 2", " {fused_activation_function=RELU, keep_num_dims=True}"),
    ),
    Rewrite(
        "reshape_after_implicit_flattening",
        f"""
        graph main(%x: float32[2, 4, 3]) {{
          %0 = FULLY_CONNECTED(%x, {TRANSPOSED}) : float32[8, 2]
          %1 = RESHAPE(%0, int32[3](2, 4, 2)) : float32[2, 4, 2]
          return %1
        }}
        """,
        dense("2, 4, 3", TRANSPOSED, "2, 4, 2"),
    ),
)



def stacked(x: str, rows: str, result: str) -> str:
    """A product of all rows of x by the matrix y."""
    return f"""
    graph main(%x: float32[{x}], %y: float32[3, 2]) {{
      %0 = RESHAPE(%x, int32[2](-1, 3)) : float32[{rows}, 3]
      %1 = BATCH_MATMUL(%0, %y) : float32[{rows}, 2]
      %2 = RESHAPE(%1, int32[3](2, -1, 2)) : float32[{result}]
      return %2
    }}
    """


test_stacked = rewrites(
    PASSES,
    Rewrite(
        "stack",
        stacked("2, t, 3", "2*t", "2, t, 2"),
        """
        graph main(%x: float32[2, t, 3], %y: float32[3, 2]) {
          %0 = BATCH_MATMUL(%x, %y) : float32[2, t, 2]
          return %0
        }
        """,
    ),
)

test_declined = unchanged(
    PASSES,
    Unchanged("other_rows", stacked("4, 2, 3", "8", "2, 4, 2"), "before the features change"),
    Unchanged("rows_of_one", stacked("2, 1, 3", "2", "2, 1, 2"), "multiplied faster together"),
    Unchanged("many_matrices", matmul("2, 4, 1", "float32[2, 1, 2](1, 2, 3, 4)", "2, 4, 2"), "more than one matrix"),
    Unchanged("adjoint", matmul("2, 3, 4", WEIGHTS, "2, 4, 2", "adj_x=True"), "the operand is transposed"),
    Unchanged(
        "constant_on_the_left",
        """
        graph main(%x: float32[n, 2, 4]) {
          %0 = BATCH_MATMUL(float32[3, 2](1, 2, 3, 4, 5, 6), %x) : float32[n, 3, 4]
          return %0
        }
        """,
    ),
    Unchanged(
        "other_reshape",
        f"""
        graph main(%x: float32[2, 4, 3]) {{
          %0 = FULLY_CONNECTED(%x, {TRANSPOSED}) : float32[8, 2]
          %1 = RESHAPE(%0, int32[3](4, 2, 2)) : float32[4, 2, 2]
          return %1
        }}
        """,
        "before the features change",
    ),
)

from litesmith.passes.activation_fusion import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_activation_fusion = rewrites(
    PASSES,
    *(
        Rewrite(
            activation,
            f"""
            graph main(%x: float32[n, 4]) {{
              %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[n, 3]
              %y = {activation}(%0) : float32[n, 3]
              return %y
            }}
            """,
            f"""
            graph main(%x: float32[n, 4]) {{
              %y = FULLY_CONNECTED(%x, float32[3, 4]@w) {{fused_activation_function={activation}}} : float32[n, 3]
              return %y
            }}
            """,
        )
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1")
    ),
    Rewrite(
        "through_reshape_and_transpose",
        """
        graph main(%x: float32[2, 4], %z: float32[2, 4]) {
          %0 = SUB(%x, %z) : float32[2, 4]
          %1 = TRANSPOSE(%0, int32[2](1, 0)) : float32[4, 2]
          %2 = RESHAPE(%1, int32[1](8)) : float32[8]
          %3 = RELU6(%2) : float32[8]
          return %3
        }
        """,
        """
        graph main(%x: float32[2, 4], %z: float32[2, 4]) {
          %0 = SUB(%x, %z) {fused_activation_function=RELU6} : float32[2, 4]
          %1 = TRANSPOSE(%0, int32[2](1, 0)) : float32[4, 2]
          %2 = RESHAPE(%1, int32[1](8)) : float32[8]
          return %2
        }
        """,
    ),
)

test_declined = unchanged(
    PASSES,
    Unchanged(
        "other_user",
        """
        graph main(%x: float32[n, 4]) {
          %0 = ADD(%x, float32[4](1, 2, 3, 4)) : float32[n, 4]
          %1 = RELU(%0) : float32[n, 4]
          return %0, %1
        }
        """,
        "other users",
    ),
    Unchanged(
        "activation_already",
        """
        graph main(%x: float32[n, 4]) {
          %0 = ADD(%x, float32[4](1, 2, 3, 4)) {fused_activation_function=RELU_N1_TO_1} : float32[n, 4]
          %1 = RELU(%0) : float32[n, 4]
          return %1
        }
        """,
        "has the activation RELU_N1_TO_1",
    ),
    Unchanged(
        "no_fused_activation",
        """
        graph main(%x: float32[n, 4]) {
          %0 = EXP(%x) : float32[n, 4]
          %1 = RELU(%0) : float32[n, 4]
          return %1
        }
        """,
    ),
    Unchanged(
        "ignored_by_the_kernels",
        """
        graph main(%x: float32[n, 4]) {
          %0 = ADD(%x, float32[4](1, 2, 3, 4)) : float32[n, 4]
          %1 = TANH(%0) : float32[n, 4]
          return %1
        }
        """,
    ),
)

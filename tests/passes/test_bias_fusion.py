from litesmith.passes.bias_fusion import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_bias_fusion = rewrites(
    PASSES,
    Rewrite(
        "conv_without_bias",
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = CONV_2D(%x, float32[3, 2, 2, 2]@w) {stride_w=1, stride_h=1} : float32[n, 4, 4, 3]
          %1 = ADD(%0, float32[3](1, 2, 3)) {fused_activation_function=RELU} : float32[n, 4, 4, 3]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = CONV_2D(%x, float32[3, 2, 2, 2]@w, float32[3](1, 2, 3)) {stride_w=1, stride_h=1, fused_activation_function=RELU} : float32[n, 4, 4, 3]
          return %0
        }
        """,
    ),
    Rewrite(
        "bias_grows_and_shrinks",
        """
        graph main(%x: float32[n, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w, float32[3](1, 1, 1)) : float32[n, 3]
          %1 = SUB(%0, float32[1, 3](0.5, 0.25, 1)) : float32[n, 3]
          %2 = ADD(float32[](2), %1) : float32[n, 3]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w, float32[3](2.5, 2.75, 2)) : float32[n, 3]
          return %0
        }
        """,
    ),
    Rewrite(
        "through_a_reshape",
        """
        graph main(%x: float32[2, 4, 4, 2]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 2, 2, 2]@w) {stride_w=1, stride_h=1, depth_multiplier=1} : float32[2, 4, 4, 2]
          %1 = RESHAPE(%0, int32[3](2, 16, 2)) : float32[2, 16, 2]
          %2 = ADD(%1, float32[2](1, 2)) : float32[2, 16, 2]
          return %2
        }
        """,
        """
        graph main(%x: float32[2, 4, 4, 2]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 2, 2, 2]@w, float32[2](1, 2)) {stride_w=1, stride_h=1, depth_multiplier=1} : float32[2, 4, 4, 2]
          %1 = RESHAPE(%0, int32[3](2, 16, 2)) : float32[2, 16, 2]
          return %1
        }
        """,
    ),
    Rewrite(
        "channels_split_into_heads",
        """
        graph main(%x: float32[n, 5, 3]) {
          %0 = FULLY_CONNECTED(%x, float32[6, 3]@w) {keep_num_dims=True} : float32[n, 5, 6]
          %1 = RESHAPE(%0, int32[4](-1, 5, 2, 3)) : float32[n, 5, 2, 3]
          %2 = ADD(%1, float32[2, 3](1, 2, 3, 4, 5, 6)) : float32[n, 5, 2, 3]
          %3 = ADD(%2, float32[2, 1](10, 20)) : float32[n, 5, 2, 3]
          return %3
        }
        """,
        """
        graph main(%x: float32[n, 5, 3]) {
          %0 = FULLY_CONNECTED(%x, float32[6, 3]@w, float32[6](11, 12, 13, 24, 25, 26)) {keep_num_dims=True} : float32[n, 5, 6]
          %1 = RESHAPE(%0, int32[4](-1, 5, 2, 3)) : float32[n, 5, 2, 3]
          return %1
        }
        """,
    ),
    Rewrite(
        "transpose_conv",
        """
        graph main(%x: float32[1, 2, 2, 2]) {
          %0 = TRANSPOSE_CONV(int32[4](1, 4, 4, 3), float32[3, 2, 2, 2]@w, %x) {stride_w=2, stride_h=2} : float32[1, 4, 4, 3]
          %1 = SUB(%0, float32[3](1, 2, 3)) : float32[1, 4, 4, 3]
          return %1
        }
        """,
        """
        graph main(%x: float32[1, 2, 2, 2]) {
          %0 = TRANSPOSE_CONV(int32[4](1, 4, 4, 3), float32[3, 2, 2, 2]@w, %x, float32[3](-1, -2, -3)) {stride_w=2, stride_h=2} : float32[1, 4, 4, 3]
          return %0
        }
        """,
    ),
)

test_distant_bias = rewrites(
    PASSES,
    Rewrite(
        "behind_another_sum",
        """
        graph main(%x: float32[n, 4], %y: float32[n, 3]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[n, 3]
          %1 = ADD(%y, %0) : float32[n, 3]
          %2 = ADD(%1, float32[3](1, 2, 3)) {fused_activation_function=RELU} : float32[n, 3]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4], %y: float32[n, 3]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w, float32[3](1, 2, 3)) : float32[n, 3]
          %2 = ADD(%y, %0) {fused_activation_function=RELU} : float32[n, 3]
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
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[n, 3]
          %1 = ADD(%0, float32[3](1, 2, 3)) : float32[n, 3]
          return %0, %1
        }
        """,
        "other users",
    ),
    Unchanged(
        "activation_between",
        """
        graph main(%x: float32[n, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) {fused_activation_function=RELU} : float32[n, 3]
          %1 = ADD(%0, float32[3](1, 2, 3)) : float32[n, 3]
          return %1
        }
        """,
        "has an activation",
    ),
    Unchanged(
        "not_per_channel",
        """
        graph main(%x: float32[3, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[3, 3]
          %1 = ADD(%0, float32[3, 1](1, 2, 3)) : float32[3, 3]
          return %1
        }
        """,
        "one number for each channel",
    ),
    Unchanged(
        "constant_broadcasts_the_result",
        """
        graph main(%x: float32[n, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[1, 4]@w) : float32[n, 1]
          %1 = ADD(%0, float32[3](1, 2, 3)) : float32[n, 3]
          return %1
        }
        """,
        "one number for each channel",
    ),
    Unchanged(
        "subtracted_from",
        """
        graph main(%x: float32[n, 4]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[n, 3]
          %1 = SUB(float32[3](1, 2, 3), %0) : float32[n, 3]
          return %1
        }
        """,
        "subtracted from the constant",
    ),
    Unchanged(
        "reshape_mixes_channels",
        """
        graph main(%x: float32[2, 6]) {
          %0 = FULLY_CONNECTED(%x, float32[3, 6]@w) : float32[2, 3]
          %1 = RESHAPE(%0, int32[2](3, 2)) : float32[3, 2]
          %2 = ADD(%1, float32[2](1, 2)) : float32[3, 2]
          return %2
        }
        """,
        "one number for each channel",
    ),
)

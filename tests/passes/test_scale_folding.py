from litesmith.passes.bias_fusion import BIAS_FUSION
from litesmith.passes.scale_folding import INPUT_SCALE_FOLDING, PASSES, SCALE_FOLDING
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_batch_norm = rewrites(
    (BIAS_FUSION, SCALE_FOLDING, BIAS_FUSION),
    Rewrite(
        "conv",
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = CONV_2D(%x, float32[2, 1, 1, 2](1, 2, 3, 4), float32[2](1, -1)) {stride_w=1, stride_h=1} : float32[n, 4, 4, 2]
          %1 = MUL(%0, float32[2](0.5, 2)) : float32[n, 4, 4, 2]
          %2 = ADD(%1, float32[2](8, 9)) : float32[n, 4, 4, 2]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = CONV_2D(%x, float32[2, 1, 1, 2](0.5, 1, 6, 8), float32[2](8.5, 7)) {stride_w=1, stride_h=1} : float32[n, 4, 4, 2]
          return %0
        }
        """,
    ),
    Rewrite(
        "depthwise",
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 1, 2, 4](1, 2, 3, 4, 5, 6, 7, 8)) {stride_w=1, stride_h=1, depth_multiplier=2} : float32[n, 4, 4, 4]
          %1 = DIV(%0, float32[4](1, 2, 1, 4)) {fused_activation_function=RELU} : float32[n, 4, 4, 4]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 1, 2, 4](1, 1, 3, 1, 5, 3, 7, 2), float32[4](0, 0, 0, 0)) {stride_w=1, stride_h=1, depth_multiplier=2, fused_activation_function=RELU} : float32[n, 4, 4, 4]
          return %0
        }
        """,
    ),
    Rewrite(
        "transpose_conv",
        """
        graph main(%x: float32[1, 2, 2, 2]) {
          %0 = TRANSPOSE_CONV(int32[4](1, 4, 4, 3), float32[3, 2, 2, 2]@w, %x) {stride_w=2, stride_h=2} : float32[1, 4, 4, 3]
          %1 = MUL(%0, float32[3](1, 2, 3)) : float32[1, 4, 4, 3]
          return %1
        }
        """,
        """
        graph main(%x: float32[1, 2, 2, 2]) {
          %0 = TRANSPOSE_CONV(int32[4](1, 4, 4, 3), float32[3, 2, 2, 2]@w, %x) {stride_w=2, stride_h=2} : float32[1, 4, 4, 3]
          return %0
        }
        """,
    ),
    Rewrite(
        "fully_connected_through_a_reshape",
        """
        graph main(%x: float32[2, 3, 2]) {
          %0 = FULLY_CONNECTED(%x, float32[2, 2](1, 2, 3, 4)) : float32[6, 2]
          %1 = RESHAPE(%0, int32[3](2, 3, 2)) : float32[2, 3, 2]
          %2 = MUL(%1, float32[](2)) : float32[2, 3, 2]
          return %2
        }
        """,
        """
        graph main(%x: float32[2, 3, 2]) {
          %0 = FULLY_CONNECTED(%x, float32[2, 2](2, 4, 6, 8)) : float32[6, 2]
          %1 = RESHAPE(%0, int32[3](2, 3, 2)) : float32[2, 3, 2]
          return %1
        }
        """,
    ),
)

test_input = rewrites(
    (INPUT_SCALE_FOLDING,),
    Rewrite(
        "conv_through_zero_padding",
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = MUL(%x, float32[2](0.5, 2)) : float32[n, 4, 4, 2]
          %1 = PAD(%0, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[n, 6, 6, 2]
          %2 = CONV_2D(%1, float32[1, 1, 2, 2](1, 2, 3, 4)) {padding=VALID, stride_w=1, stride_h=1} : float32[n, 6, 5, 1]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[n, 6, 6, 2]
          %1 = CONV_2D(%0, float32[1, 1, 2, 2](0.5, 4, 1.5, 8), float32[1](0)) {padding=VALID, stride_w=1, stride_h=1} : float32[n, 6, 5, 1]
          return %1
        }
        """,
    ),
    Rewrite(
        "same_padding_takes_a_scale",
        """
        graph main(%x: float32[n, 4, 4, 1]) {
          %0 = DIV(%x, float32[](2)) : float32[n, 4, 4, 1]
          %1 = DEPTHWISE_CONV_2D(%0, float32[1, 2, 2, 1](2, 4, 6, 8)) {stride_w=1, stride_h=1, depth_multiplier=1} : float32[n, 4, 4, 1]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 1]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 2, 2, 1](1, 2, 3, 4), float32[1](0)) {stride_w=1, stride_h=1, depth_multiplier=1} : float32[n, 4, 4, 1]
          return %0
        }
        """,
    ),
    Rewrite(
        "depth_multiplier_and_shift",
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = SUB(%x, float32[2](1, 2)) : float32[n, 4, 4, 2]
          %1 = DEPTHWISE_CONV_2D(%0, float32[1, 1, 2, 4](1, 2, 3, 4, 5, 6, 7, 8)) {padding=VALID, stride_w=1, stride_h=1, depth_multiplier=2} : float32[n, 4, 3, 4]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 4, 4, 2]) {
          %0 = DEPTHWISE_CONV_2D(%x, float32[1, 1, 2, 4](1, 2, 3, 4, 5, 6, 7, 8), float32[4](-6, -8, -20, -24)) {padding=VALID, stride_w=1, stride_h=1, depth_multiplier=2} : float32[n, 4, 3, 4]
          return %0
        }
        """,
    ),
    Rewrite(
        "scale_and_shift_before_flattening",
        """
        graph main(%x: float32[3, 2, 2]) {
          %0 = MUL(%x, float32[2](2, 3)) : float32[3, 2, 2]
          %1 = ADD(%0, float32[2](1, -1)) : float32[3, 2, 2]
          %2 = RESHAPE(%1, int32[2](3, 4)) : float32[3, 4]
          %3 = FULLY_CONNECTED(%2, float32[2, 4](1, 2, 3, 4, 5, 6, 7, 8), float32[2](0, 1)) : float32[3, 2]
          return %3
        }
        """,
        """
        graph main(%x: float32[3, 2, 2]) {
          %0 = RESHAPE(%x, int32[2](3, 4)) : float32[3, 4]
          %1 = FULLY_CONNECTED(%0, float32[2, 4](2, 6, 6, 12, 10, 18, 14, 24), float32[2](-2, -1)) : float32[3, 2]
          return %1
        }
        """,
    ),
)

test_declined = unchanged(
    PASSES,
    Unchanged(
        "shift_before_same_padding",
        """
        graph main(%x: float32[n, 4, 4, 1]) {
          %0 = ADD(%x, float32[](2)) : float32[n, 4, 4, 1]
          %1 = CONV_2D(%0, float32[1, 2, 2, 1](2, 4, 6, 8)) {stride_w=1, stride_h=1} : float32[n, 4, 4, 1]
          return %1
        }
        """,
        "the padding does not get the shift",
    ),
    Unchanged(
        "shift_before_explicit_padding",
        """
        graph main(%x: float32[n, 4, 4, 1]) {
          %0 = ADD(%x, float32[](2)) : float32[n, 4, 4, 1]
          %1 = PAD(%0, int32[4, 2](0, 0, 1, 0, 1, 0, 0, 0)) : float32[n, 5, 5, 1]
          %2 = CONV_2D(%1, float32[1, 2, 2, 1](2, 4, 6, 8)) {padding=VALID, stride_w=1, stride_h=1} : float32[n, 4, 4, 1]
          return %2
        }
        """,
        "the padding does not get the shift",
    ),
    Unchanged(
        "grouped_convolution",
        """
        graph main(%x: float32[n, 4, 4, 4]) {
          %0 = MUL(%x, float32[4](1, 2, 3, 4)) : float32[n, 4, 4, 4]
          %1 = CONV_2D(%0, float32[2, 1, 1, 2](2, 4, 6, 8)) {stride_w=1, stride_h=1} : float32[n, 4, 4, 2]
          return %1
        }
        """,
        "do not have the channels",
    ),
    Unchanged(
        "channel_padding",
        """
        graph main(%x: float32[n, 4, 4, 1]) {
          %0 = MUL(%x, float32[](2)) : float32[n, 4, 4, 1]
          %1 = PAD(%0, int32[4, 2](0, 0, 0, 0, 0, 0, 0, 1)) : float32[n, 4, 4, 2]
          %2 = FULLY_CONNECTED(%1, float32[1, 2](2, 4)) {keep_num_dims=True} : float32[n, 4, 4, 1]
          return %2
        }
        """,
        "the channels are padded",
    ),
    Unchanged(
        "other_user_of_the_result",
        """
        graph main(%x: float32[n, 2]) {
          %0 = FULLY_CONNECTED(%x, float32[2, 2](1, 2, 3, 4)) : float32[n, 2]
          %1 = MUL(%0, float32[2](1, 2)) : float32[n, 2]
          return %0, %1
        }
        """,
        "other users",
    ),
    Unchanged(
        "weights_computed",
        """
        graph main(%x: float32[n, 2], %w: float32[2, 2]) {
          %0 = FULLY_CONNECTED(%x, %w) : float32[n, 2]
          %1 = MUL(%0, float32[2](1, 2)) : float32[n, 2]
          return %1
        }
        """,
        "weights are not constant",
    ),
    Unchanged(
        "divided_by_the_result",
        """
        graph main(%x: float32[n, 2]) {
          %0 = FULLY_CONNECTED(%x, float32[2, 2](1, 2, 3, 4)) : float32[n, 2]
          %1 = DIV(float32[2](1, 2), %0) : float32[n, 2]
          return %1
        }
        """,
        "the constant is divided",
    ),
)


def test_large_weights_are_not_read() -> None:
    from litesmith.ir.constant import Constant
    from litesmith.ir.dtypes import DType
    from litesmith.ir.graph import Value
    from litesmith.passes import pipeline
    from tests.passes.harness import parsed

    program = parsed(
        """
        graph main(%x: float32[n, 256]) {
          %0 = MUL(%x, float32[256]@s) : float32[n, 256]
          %1 = FULLY_CONNECTED(%0, float32[128, 256]@w) : float32[n, 128]
          %2 = MUL(%1, float32[128]@t) : float32[n, 128]
          return %2
        }
        """
    )

    def untouchable():
        raise AssertionError("the weights were read")

    fully_connected = next(op for op in program.main.ops if op.name == "FULLY_CONNECTED")
    lazy = Constant.lazy(DType.FLOAT32, (128, 256), untouchable)
    fully_connected.set_operand(1, Value.constant(lazy, "w"))
    pipeline.run(program, check=True)
    assert program.histogram() == {"FULLY_CONNECTED": 1}

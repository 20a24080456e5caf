"""StableHLO modules inside of TensorFlow graphs: what Keras on JAX and jax2tf export."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.errors import FormatError, UnsupportedError
from litesmith.frontends.registry import EXPORT_AGAIN
from litesmith.frontends.tensorflow.attributes import FunctionName
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Value


@lowers("XlaCallModule")
def xla_call_module(
    ctx: Context,
    args: list[Value],
    *,
    module: str | bytes,
    version: int,
    platforms: Sequence[str] = (),
    dim_args_spec: Sequence[str] = (),
    function_list: Sequence[FunctionName] = (),
    has_token_input_output: bool = False,
) -> list[Value]:
    """The module's operations; its shape assertions are left to the kernels."""
    from litesmith.frontends.stablehlo import inline_module

    if function_list:
        raise UnsupportedError("the module calls TensorFlow functions", "export without call_tf", code="LS010")
    if has_token_input_output or dim_args_spec or version < 5:
        raise UnsupportedError(f"the module is of calling convention {version}", EXPORT_AGAIN)
    data = module if isinstance(module, bytes) else str(module).encode()
    try:
        return inline_module(ctx.b, data, args, list(platforms or ()), ctx.session.graph_names)
    except FormatError as error:
        raise UnsupportedError(error.message, error.fix) from error

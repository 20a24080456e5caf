"""The lowerings of StableHLO operations, a file per family, and the reasons why some have none."""

from __future__ import annotations

from litesmith.frontends.jax.lowering import COLLECTIVE, LINEAR_ALGEBRA, SERIES
from litesmith.frontends.stablehlo.lowering import contraction, control, elementwise, indexing, reduction, structure
from litesmith.frontends.stablehlo.registry import collect

FAMILIES = (contraction, control, elementwise, indexing, reduction, structure)
"""The modules that hold lowerings."""

LOWERINGS = collect(FAMILIES)
"""Every lowering by operation, custom calls as ``@target``."""

_HOST = ("exchanges data with the host while the model runs", "pass the data in, and return it")
_QUANTIZED = ("computes on quantized tensors", "export the float model, and quantize it while converting")
_GENERATOR = ("draws from a generator of the device", "use jax.random with threefry2x32 keys")
_OLD = ("is an operation that is no longer written", "export the model again with a current version")
_TUPLES = ("makes tuples of tensors", "export the model again with a current version of JAX")
_CALLBACK = ("calls back into the framework while the model runs", "take the callback out of the function")


def _table(*rows: tuple[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: why for names, why in rows for name in names.split()}


REFUSED: dict[str, tuple[str, str]] = _table(
    (
        "stablehlo.all_gather stablehlo.all_reduce stablehlo.all_to_all stablehlo.collective_broadcast "
        "stablehlo.collective_permute stablehlo.reduce_scatter stablehlo.partition_id stablehlo.replica_id "
        "stablehlo.cross-replica-sum stablehlo.collective_reduce stablehlo.async_start stablehlo.async_done "
        "@SPMDFullToShardShape @SPMDShardToFullShape",
        COLLECTIVE,
    ),
    ("stablehlo.infeed stablehlo.outfeed stablehlo.send stablehlo.recv", _HOST),
    (
        "stablehlo.cholesky stablehlo.triangular_solve @Eigh @Qr @ProductOfElementaryHouseholderReflectors "
        "@LuDecomposition @lapack_sgetrf_ffi @lapack_spotrf_ffi @lapack_sgeqrf_ffi @lapack_sorgqr_ffi "
        "@lapack_ssyevd_ffi @lapack_sgesdd_ffi @lapack_sgeev_ffi @lapack_strsm_ffi @lapack_sgees_ffi "
        "@lapack_sgehrd_ffi @lapack_ssytrd_ffi @lapack_sgtsv_ffi @blas_strsm",
        (LINEAR_ALGEBRA[0], "convert the JAX function itself, whose factorizations become loops of built-in operators"),
    ),
    ("chlo.polygamma chlo.zeta", SERIES),
    ("stablehlo.rng stablehlo.rng_bit_generator @stablehlo.dynamic_rng_bit_generator @cu_threefry2x32_ffi", _GENERATOR),
    ("stablehlo.uniform_quantize stablehlo.uniform_dequantize", _QUANTIZED),
    ("stablehlo.torch_index_select stablehlo.map", _OLD),
    ("stablehlo.tuple stablehlo.get_tuple_element", _TUPLES),
    (
        "@tf.call_tf_function @xla_python_cpu_callback @xla_ffi_python_cpu_callback "
        "@xla_ffi_partitioned_python_cpu_callback @xla_python_gpu_callback",
        _CALLBACK,
    ),
    (
        "stablehlo.batch_norm_training stablehlo.batch_norm_grad",
        ("trains a normalization", "export the inference function of the model"),
    ),
    ("stablehlo.set_dimension_size", ("makes the size of a tensor depend on data", "use a fixed size and a mask")),
    ("chlo.ragged_dot", ("multiplies groups of unknown sizes", "use a dense product with a mask")),
)
"""Operations that are refused on purpose: the reason and a way out."""

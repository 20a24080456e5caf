"""The lowerings of JAX primitives, a file per family, and the reasons why some have none."""

from __future__ import annotations

from litesmith._util.modules import modules_of
from litesmith.frontends.jax.registry import collect

FAMILIES = modules_of(__name__)
"""The modules that hold lowerings."""

LOWERINGS, COMPLEX_LOWERINGS = collect(FAMILIES)
"""Every lowering by primitive, for real operands and for complex ones."""

COLLECTIVE = ("runs on several devices", "convert the function of one device")
LINEAR_ALGEBRA = ("is a matrix factorization no kernel has", "compute it before, and pass its result in")
SERIES = ("is a special function summed until it converges, which no kernel has", "tabulate it, or compute it outside")
_CALLBACK = ("calls Python while the model runs", "take the callback out of the function")
_STATE = ("reads or writes a mutable reference", "pass the state in and return it")

REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        "all_gather all_to_all axis_index ppermute ragged_all_to_all reduce_scatter "
        "all_gather_invariant all_gather_reduced pbroadcast pgather psend precv preduced reshard unreduced_psum "
        "unreduced_reduce_scatter xla_pmap".split(),
        COLLECTIVE,
    ),
    **dict.fromkeys(
        "eig hessenberg schur tridiagonal ormqr cholesky_update symmetric_product geqp3".split(),
        LINEAR_ALGEBRA,
    ),
    **dict.fromkeys(
        "igamma_grad_a random_gamma_grad".split(),
        SERIES,
    ),
    **dict.fromkeys("pure_callback io_callback outside_call ffi_call call_exported".split(), _CALLBACK),
    **dict.fromkeys("get swap addupdate run_state new_ref empty_ref free_ref freeze".split(), _STATE),
    **dict.fromkeys(
        ("infeed", "outfeed"), ("talks to the host while the model runs", "pass the data in, and return the results")
    ),
    **dict.fromkeys(
        ("rng_bit_generator", "rng_uniform"),
        ("draws from a generator of the device", "use jax.random with threefry2x32 keys"),
    ),
    **dict.fromkeys(
        ("after_all", "create_token"), ("orders effects, which the model has none of", "remove the effect")
    ),
    "select_and_gather_add": ("is the forward derivative of a pool", "differentiate in reverse, or outside the model"),
    "select_and_scatter": ("scatters by a custom function", "use the gradient of a maximum pool"),
}
"""Primitives that are refused on purpose: the reason and a way out."""

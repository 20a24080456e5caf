"""JAX functions, straight from their jaxprs."""

from litesmith.frontends.jax.convert import JaxFunction, import_jax, import_signatures

__all__ = ["JaxFunction", "import_jax", "import_signatures"]

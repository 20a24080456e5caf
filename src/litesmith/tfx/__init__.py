"""litesmith in TFX pipelines: the rewriter, the calls of the public guides, a corrected extractor for TFMA.

Two imports of a TFX module file change::

    from litesmith.tfx import converters, rewriter, rewriter_factory

Importing this package makes ``LitesmithRewriter`` known to TFX's own ``rewriter_factory``, too. Where TFX is not
installed, the same calls work on local paths. See docs/tfx.md.
"""

from litesmith.tfx import converters, rewriter, rewriter_factory
from litesmith.tfx.rewriter import LitesmithRewriter

__all__ = ["LitesmithRewriter", "converters", "rewriter", "rewriter_factory"]

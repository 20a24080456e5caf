"""``tf.compat`` as far as it concerns conversion: ``compat.v1.lite.TFLiteConverter``."""

from litesmith.compat import v1

__all__ = ["v1"]

"""Data sets as columns: TFRecords of tf.Example, arrays, .npz, .npy, CSV, Parquet, folders of images.

``open_data`` gives a `Dataset`: shards that can be pickled, each of which reads batches, without TensorFlow.
"""

from litesmith.data.columns import Batch, DataError
from litesmith.data.sources import Dataset, Shard, open_data

__all__ = ["Batch", "DataError", "Dataset", "Shard", "open_data"]

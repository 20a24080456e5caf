"""Gathers, scatters, searching, sorting, segments, counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
DTYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
X = f32(4, 5, 3)
DYNAMIC = dict(spec=[(None, 5, 3)], also=[[f32(7, 5, 3)]])


def of(dtype: str, *shape: int) -> Any:
    return np.array(f32(*shape, low=0, high=9), dtype)


GATHERS = [
    *(Case(f"gather {d}", lambda x: tf.gather(x, [2, 0, 2]), [of(d, 4, 3)], tol=0.0) for d in DTYPES),
    *(
        Case(f"gather axis {a}", lambda x, i, a=a: tf.gather(x, i, axis=a), [X, np.int32([[2, 0], [1, 1]])])
        for a in (0, 1, -1)
    ),
    Case("gather int64 places", tf.gather, [X, np.int64([3, 0])]),
    Case("gather scalar", tf.gather, [X, np.int32(2)]),
    Case(
        "gather dynamic",
        lambda x, i: tf.gather(x, i, axis=1),
        [X, np.int32([2, 0])],
        spec=[(None, None, 3), (None,)],
        also=[[f32(2, 4, 3), np.int32([1, 2, 3])]],
    ),
    Case("gather batch", lambda x, i: tf.gather(x, i, batch_dims=1), [X, ints(4, 2, low=0, high=5)]),
    Case("gather batch axis", lambda x, i: tf.gather(x, i, axis=2, batch_dims=1), [X, ints(4, 2, low=0, high=3)]),
    Case("gather batch negative", lambda x, i: tf.gather(x, i, batch_dims=-1), [X, ints(4, 5, low=0, high=3)[:, :2]]),
    Case(
        "gather batch dynamic",
        lambda x, i: tf.gather(x, i, batch_dims=1),
        [X, ints(4, 2, low=0, high=5)],
        spec=[(None, 5, 3), (None, 2)],
        also=[[f32(2, 5, 3), np.int32([[0, 1], [4, 4]])]],
    ),
    Case("gather none", tf.gather, [X, np.int32([])]),
    Case("gather strings", lambda i: tf.gather(tf.constant(["a", "b", "c"]), i), [np.int32([2, 0])]),
    Case("gather v1", lambda x: raw.Gather(params=x, indices=[1, 2]), [X]),
    Case(
        "embedding",
        lambda i: tf.nn.embedding_lookup(f32(10, 4), i),
        [ints(2, 3, low=0, high=10)],
        spec=[(None, None)],
        ops=1,
    ),
    *(
        Case(f"gather_nd {d}", tf.gather_nd, [of(d, 4, 3), np.int32([[1, 2], [3, 0]])], tol=0.0)
        for d in DTYPES
    ),
    Case("gather_nd rows", tf.gather_nd, [X, np.int64([[[1, 2]], [[3, 0]]])]),
    Case(
        "gather_nd dynamic",
        tf.gather_nd,
        [X, np.int32([[1], [3]])],
        spec=[(None, None, 3), (None, 1)],
        also=[[f32(2, 2, 3), np.int32([[0]])]],
    ),
    Case("gather_nd batch", lambda x, i: tf.gather_nd(x, i, batch_dims=1), [X, ints(4, 2, 1, low=0, high=5)]),
    Case("gather_nd whole", tf.gather_nd, [f32(2, 3), np.zeros((2, 0), np.int32)]),
    *(
        Case(f"one_hot {d}", lambda i, d=d: tf.one_hot(i, 4, tf.cast(1, d), tf.cast(0, d)), [np.int32([0, 3, -1, 7])])
        for d in ("float32", "float16", "int8", "uint8", "int32", "int64", "bool")
    ),
    Case("one_hot axis 0", lambda i: tf.one_hot(i, 3, 2.0, -1.0, axis=0), [ints(2, 4, low=0, high=3)]),
    Case("one_hot axis 1", lambda i: tf.one_hot(i, 3, axis=1), [ints(2, 4, low=0, high=3)]),
    Case(
        "one_hot dynamic",
        lambda i: tf.one_hot(i, 3),
        [ints(2, 4, low=0, high=3)],
        spec=[(None, None)],
        also=[[ints(3, 1, low=0, high=3)]],
    ),
    Case("one_hot fed depth", tf.one_hot, [np.int64([0, 2]), np.int32(3)]),
    Case("one_hot uint8 places", lambda i: tf.one_hot(i, 3), [np.uint8([0, 2, 200])]),
    Case("take along axis", lambda x, i: tf.gather(x, i, axis=1, batch_dims=1), [f32(3, 4), ints(3, 2, low=0, high=4)]),
    Case("boolean mask", tf.boolean_mask, [f32(4, 3), np.bool_([1, 0, 1, 1])]),
]
test_gathers = parity_test(GATHERS)

I2 = np.int32([[1], [3], [1]])
SCATTERS = [
    *(
        Case(
            f"scatter_nd {d}",
            lambda i, u: tf.scatter_nd(i, u, [5, 2]),
            [np.int32([[1], [3], [0]]), of(d, 3, 2)],
            tol=0.0,
        )
        for d in DTYPES
    ),
    Case("scatter_nd adds", lambda i, u: tf.scatter_nd(i, u, [5, 2]), [I2, f32(3, 2)]),
    Case(
        "scatter_nd int64 places",
        lambda i, u: tf.scatter_nd(i, u, tf.constant([5, 2], tf.int64)),
        [np.int64(I2), f32(3, 2)],
    ),
    Case("scatter_nd fed shape", tf.scatter_nd, [np.int32([[0, 1], [1, 0]]), f32(2), np.int32([2, 3])]),
    Case(
        "scatter_nd dynamic",
        lambda i, u: tf.scatter_nd(i, u, [5, 2]),
        [I2, f32(3, 2)],
        spec=[(None, 1), (None, 2)],
        also=[[np.int32([[4]]), f32(1, 2)]],
    ),
    *(
        Case(f"{name} {d}", fn, [of(d, 5, 2), np.int32([[1], [3], [0]]), of(d, 3, 2)], tol=0.0)
        for name, fn in {
            "update": tf.tensor_scatter_nd_update,
            "add": tf.tensor_scatter_nd_add,
            "sub": tf.tensor_scatter_nd_sub,
            "max": tf.tensor_scatter_nd_max,
            "min": tf.tensor_scatter_nd_min,
        }.items()
        for d in ("float32", "float16", "int8", "int32", "int64")
    ),
    Case("update bool", tf.tensor_scatter_nd_update, [of("bool", 5), np.int32([[1], [3]]), np.bool_([0, 0])]),
    Case("update elements", tf.tensor_scatter_nd_update, [X, ints(3, 3, low=0, high=3), f32(3)]),
    Case(
        "update dynamic",
        tf.tensor_scatter_nd_update,
        [f32(5, 2), np.int32([[1], [3]]), f32(2, 2)],
        spec=[(None, 2), (None, 1), (None, 2)],
        also=[[f32(3, 2), np.int32([[2]]), f32(1, 2)]],
    ),
    Case("update int64 places", tf.tensor_scatter_nd_update, [f32(5, 2), np.int64([[1], [3]]), f32(2, 2)]),
    Case("add repeated", tf.tensor_scatter_nd_add, [f32(5, 2), I2, f32(3, 2)]),
    Case("sub repeated", tf.tensor_scatter_nd_sub, [f32(5, 2), I2, f32(3, 2)]),
    Case("max repeated", tf.tensor_scatter_nd_max, [f32(5, 2), I2, f32(3, 2)]),
    Case("min repeated", tf.tensor_scatter_nd_min, [f32(5, 2), I2, f32(3, 2)]),
    Case("update rows of rows", tf.tensor_scatter_nd_update, [X, np.int32([[[0, 1], [2, 2]]]), f32(1, 2, 3)]),
    Case(
        "non aliasing add",
        lambda x, i, u: raw.ScatterNdNonAliasingAdd(input=x, indices=i, updates=u),
        [f32(5, 2), I2, f32(3, 2)],
    ),
    Case(
        "sparse to dense",
        lambda i, v: raw.SparseToDense(sparse_indices=i, output_shape=[4, 3], sparse_values=v, default_value=-1.0),
        [np.int32([[0, 1], [2, 2]]), f32(2)],
    ),
    Case(
        "sparse to dense int64",
        lambda i, v: raw.SparseToDense(sparse_indices=i, output_shape=np.int64([4]), sparse_values=v, default_value=7),
        [np.int64([1, 3]), ints(2)],
    ),
    Case("stitch", lambda x, y: tf.dynamic_stitch([[0, 2], [3, 1]], [x, y]), [f32(2, 3), f32(2, 3)]),
    Case("stitch repeated", lambda x, y: tf.dynamic_stitch([[0, 2], [1, 0]], [x, y]), [f32(2, 3), f32(2, 3)]),
    Case("stitch with a hole", lambda x, y: tf.dynamic_stitch([[0, 4], [1, 2]], [x, y])[:3], [f32(2, 3), f32(2, 3)]),
    Case(
        "stitch fed",
        lambda i, j, x, y: tf.dynamic_stitch([i, j], [x, y]),
        [np.int32([0, 2]), np.int32([3, 1]), f32(2, 3), f32(2, 3)],
    ),
    Case(
        "stitch parallel",
        lambda x, y: raw.ParallelDynamicStitch(indices=[[0], [1]], data=[x, y]),
        [f32(1, 3), f32(1, 3)],
    ),
    Case("partition", lambda x, p: tf.dynamic_partition(x, p, 2), [f32(4, 3), np.int32([0, 1, 1, 0])]),
    Case(
        "partition then stitch",
        lambda x, p: tf.dynamic_stitch(tf.dynamic_partition(tf.range(4), p, 2), tf.dynamic_partition(x, p, 2)),
        [f32(4, 3), np.int32([0, 1, 1, 0])],
    ),
]
test_scatters = parity_test(SCATTERS)

IDS = np.int32([0, 0, 1, 3, 3])
ANY = np.int32([3, 0, -1, 3, 0])
SEGMENTS = [
    *(
        Case(f"unsorted {kind} {d}", lambda x, i, fn=fn: fn(x, i, 5), [of(d, 5, 2), ANY])
        for kind, fn in {
            "sum": tf.math.unsorted_segment_sum,
            "prod": tf.math.unsorted_segment_prod,
            "max": tf.math.unsorted_segment_max,
            "min": tf.math.unsorted_segment_min,
        }.items()
        for d in ("float32", "float16", "int32", "int64", "int8")
    ),
    *(
        Case(f"sorted {kind} {d}", fn, [of(d, 5, 2), IDS])
        for kind, fn in {
            "sum": tf.math.segment_sum,
            "mean": tf.math.segment_mean,
            "prod": tf.math.segment_prod,
            "max": tf.math.segment_max,
            "min": tf.math.segment_min,
        }.items()
        for d in ("float32", "float16", "int32", "int64")
        if (kind, d[0]) != ("mean", "i")
    ),
    Case("unsorted mean", lambda x, i: tf.math.unsorted_segment_mean(x, i, 4), [f32(5, 2), np.int32([3, 0, 1, 3, 0])]),
    Case("unsorted sqrt n", lambda x, i: tf.math.unsorted_segment_sqrt_n(x, i, 4), [f32(5), np.int32([3, 0, 1, 3, 0])]),
    Case("unsorted by int64", lambda x, i: tf.math.unsorted_segment_sum(x, i, 5), [f32(5, 2), np.int64(ANY)]),
    Case(
        "unsorted matrix of ids",
        lambda x, i: tf.math.unsorted_segment_sum(x, i, 4),
        [f32(2, 3, 2), ints(2, 3, low=0, high=4)],
    ),
    Case("unsorted fed number", tf.math.unsorted_segment_sum, [f32(5, 2), np.int32([3, 0, 1, 3, 0]), np.int32(6)]),
    Case(
        "unsorted dynamic",
        lambda x, i: tf.math.unsorted_segment_max(x, i, 5),
        [f32(5, 2), IDS],
        spec=[(None, 2), (None,)],
        also=[[f32(1, 2), np.int32([4])]],
    ),
    Case(
        "sorted sum dynamic",
        tf.math.segment_sum,
        [f32(5, 2), IDS],
        spec=[(None, 2), (None,)],
        also=[[f32(1, 2), np.int32([4])], [f32(0, 2), np.int32([])]],
    ),
    Case(
        "sorted max dynamic",
        tf.math.segment_max,
        [f32(5, 2), IDS],
        spec=[(None, 2), (None,)],
        also=[[f32(1, 2), np.int32([4])], [f32(0, 2), np.int32([])]],
    ),
    *(
        Case(
            f"sparse {name} {d}",
            lambda x, i, fn=fn: (fn(x, i, IDS), fn(x, i, IDS, num_segments=7)),
            [of(d, 4, 2), np.int32([3, 0, 0, 2, 1])],
        )
        for name, fn in {
            "sum": tf.sparse.segment_sum,
            "mean": tf.sparse.segment_mean,
            "sqrt n": tf.sparse.segment_sqrt_n,
        }.items()
        for d in ("float32", "float16", "int32")
        if (name, d) in (("sum", "int32"), (name, "float32"), (name, "float16"))
    ),
    Case("sorted sum of constant numbers", lambda x: tf.math.segment_sum(x, [0, 0, 1, 1, 2]), [f32(5, 2)], ops=1),
    Case("sorted sum of constant holes", lambda x: tf.math.segment_sum(x, [0, 0, 1, 3, 3]), [f32(5, 2)]),
]
test_segments = parity_test(SEGMENTS)

SCORED, LENGTHS = f32(6, 3, 4), np.int32([6, 2, 0])
SAME = np.eye(4, dtype=np.float32)[[[0, 3, 3, 1, 1, 3], [2, 2, 2, 3, 2, 2]]].transpose(1, 0, 2)
DYNAMIC_CTC = dict(spec=[(None, None, 4), (None,)], also=[[SAME, np.int32([6, 5])], [f32(3, 1, 4), np.int32([2])]])


def greedy(merge, blank):
    """The labels, dense and sparse, and the scores."""

    def run(scores, lengths):
        (labels,), score = tf.nn.ctc_greedy_decoder(scores, lengths, merge, blank)
        return tf.sparse.to_dense(labels, -1), labels.indices, labels.values, labels.dense_shape, score

    return run


CTC = [
    Case("approximate top k", lambda x: tf.math.approx_max_k(x, 3), [f32(2, 9)]),
    Case(
        "approximate bottom k",
        lambda x: tf.math.approx_min_k(x, 2, reduction_dimension=0),
        [f32(9, 3)],
        reference=lambda x: (tf.sort(x, 0)[:2], tf.argsort(x, 0)[:2]),
    ),
    Case("ctc greedy", greedy(True, None), [SCORED, LENGTHS]),
    Case("ctc greedy repeated", greedy(False, None), [SAME, np.int32([6, 6])]),
    Case("ctc greedy merged", greedy(True, None), [SAME, np.int32([6, 6])]),
    Case("ctc greedy blank", greedy(True, 1), [SAME, np.int32([5, 6])]),
    Case("ctc greedy dynamic", greedy(True, None), [SCORED, LENGTHS], **DYNAMIC_CTC),
    Case("ctc greedy of nothing", greedy(True, None), [SCORED, np.int32([0, 0, 0])]),
    Case(
        "ctc beams are refused",
        lambda x, n: tf.nn.ctc_beam_search_decoder(x, n)[1],
        [SCORED, LENGTHS],
        raises="LS010",
        says="ctc_greedy_decoder",
    ),
]
test_ctc = parity_test(CTC)

TIES = np.float32([[1, 3, 3, 2], [5, 5, 0, 5], [-1, -1, -1, -1]])
SEARCHES = [
    *(
        Case(f"top_k {d}", lambda x: tf.math.top_k(x, 3), [of(d, 3, 5)], tol=0.0)
        for d in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64")
    ),
    Case("top_k ties", lambda x: tf.math.top_k(x, 3), [TIES]),
    Case("top_k all", lambda x: tf.math.top_k(x, 5), [f32(5)]),
    Case("top_k dynamic", lambda x: tf.math.top_k(x, 2), [f32(3, 5)], spec=[(None, None)], also=[[f32(1, 9)]]),
    Case("top_k rank 3", lambda x: tf.math.top_k(x, 2), [X]),
    Case("top_k fed", tf.math.top_k, [f32(3, 5), np.int32(2)]),
    Case("top_k infinite", lambda x: tf.math.top_k(x, 3), [np.float32([1, -np.inf, np.inf, 0])]),
    *(
        Case(f"sort {way}", lambda x, way=way: tf.sort(x, direction=way), [f32(3, 5)])
        for way in ("ASCENDING", "DESCENDING")
    ),
    *(
        Case(f"argsort {way}", lambda x, way=way: tf.argsort(x, direction=way, stable=True), [TIES])
        for way in ("ASCENDING", "DESCENDING")
    ),
    Case("sort axis", lambda x: tf.sort(x, axis=0), [f32(3, 5)]),
    Case("sort int32", tf.sort, [ints(3, 5)]),
    Case("nth element", lambda x: raw.NthElement(input=x, n=2), [f32(3, 5)]),
    Case("nth element reversed", lambda x: raw.NthElement(input=x, n=1, reverse=True), [f32(3, 5)], spec=[(None, 5)]),
    Case("nth element dynamic", lambda x: raw.NthElement(input=x, n=1), [f32(3, 5)], spec=[(None, None)]),
    Case("in_top_k", lambda t, x: tf.math.in_top_k(t, x, 2), [np.int32([1, 3, 0]), f32(3, 5)]),
    Case("in_top_k ties", lambda t, x: tf.math.in_top_k(t, x, 2), [np.int32([1, 3, 0]), TIES]),
    Case("in_top_k v1", lambda t, x: raw.InTopK(predictions=x, targets=t, k=2), [np.int32([1, 3, 0]), f32(3, 5)]),
    Case(
        "in_top_k not finite",
        lambda t, x: tf.math.in_top_k(t, x, 1),
        [np.int32([0, 1, 0]), np.float32([[1, np.inf], [np.nan, 1], [3, 2]])],
    ),
    Case("in_top_k out of range", lambda t, x: tf.math.in_top_k(t, x, 3), [np.int32([0, 9, -1]), f32(3, 4)]),
    *(
        Case(f"where {d}", tf.where, [np.array([[0, 1, 3], [2, 0, 0]], d)])
        for d in ("bool", "float32", "int8", "int32", "int64")
    ),
    Case(
        "where of unknown size",
        tf.where,
        [np.bool_([[1, 0], [1, 1]])],
        spec=[(None, None)],
        also=[[np.bool_([[1, 0, 0]])]],
    ),
    *(
        Case(f"unique {d}", tf.unique, [np.array([3, 1, 3, 2, 1], d)])
        for d in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64")
    ),
    Case("unique to int64", lambda x: tf.unique(x, tf.int64), [np.int32([3, 1, 3])]),
    Case("unique dynamic", tf.unique, [np.int32([3, 1, 3])], spec=[(None,)], also=[[np.int32([4, 4])]]),
    Case("unique v2", lambda x: raw.UniqueV2(x=x, axis=[0]), [np.int32([3, 1, 3])]),
    Case("unique v2 no axis", lambda x: raw.UniqueV2(x=x, axis=np.zeros(0, np.int32)), [np.int32([3, 1, 3])]),
    Case("unique rows refused", lambda x: raw.UniqueV2(x=x, axis=[0]), [ints(3, 2)], raises="LS001", says="vector"),
    Case("unique with counts", tf.unique_with_counts, [np.int32([3, 1, 3, 2, 1])]),
    Case(
        "unique with counts v2",
        lambda x: raw.UniqueWithCountsV2(x=x, axis=[0], out_idx=tf.int64),
        [np.int32([3, 1, 3])],
    ),
    Case("setdiff", lambda x, y: raw.ListDiff(x=x, y=y), [np.int32([3, 1, 3, 2, 1]), np.int32([1, 9])]),
    Case(
        "setdiff int64", lambda x, y: raw.ListDiff(x=x, y=y, out_idx=tf.int64), [np.int64([3, 1, 2]), np.int64([1, 9])]
    ),
    *(
        Case(
            f"searchsorted {side} {d}",
            lambda s, v, side=side: tf.searchsorted(s, v, side=side),
            [np.array([[1, 3, 3, 7], [0, 2, 5, 9]], d), np.array([[3, 0, 9], [5, 1, 2]], d)],
        )
        for side in ("left", "right")
        for d in ("float32", "int32", "int64")
    ),
    Case("searchsorted vector", lambda v: tf.searchsorted(np.float32([1, 2, 3]), v), [f32(5, low=0, high=4)]),
    Case("searchsorted int64 result", lambda v: tf.searchsorted(np.float32([1, 2, 3]), v, out_type=tf.int64), [f32(5)]),
    *(
        Case(
            f"bucketize {d}",
            lambda x: raw.Bucketize(input=x, boundaries=[0.0, 2.0, 5.0]),
            [np.array([-1, 0, 1, 2, 5, 9], d)],
        )
        for d in ("float32", "int32", "int64")
    ),
]
test_searches = parity_test(SEARCHES)

COUNTS = [
    Case("bincount", lambda x: tf.math.bincount(x, minlength=6, maxlength=6), [np.int32([1, 3, 1, 5])]),
    Case("bincount open", tf.math.bincount, [np.int32([1, 3, 1, 5])]),
    Case("bincount cut", lambda x: tf.math.bincount(x, maxlength=3), [np.int32([1, 3, 1, 2])]),
    Case(
        "bincount weights",
        lambda x, w: tf.math.bincount(x, w, minlength=6, maxlength=6),
        [np.int32([1, 3, 1, 5]), f32(4)],
    ),
    Case(
        "bincount binary",
        lambda x: tf.math.bincount(x, minlength=6, maxlength=6, binary_output=True),
        [np.int32([1, 3, 1, 5])],
    ),
    Case(
        "bincount rows",
        lambda x: tf.math.bincount(x, minlength=6, maxlength=6, axis=-1),
        [ints(2, 5, low=0, high=6)],
        spec=[(None, 5)],
        also=[[ints(3, 5, low=0, high=6)]],
    ),
    Case(
        "bincount rows weights",
        lambda x, w: tf.math.bincount(x, w, minlength=6, maxlength=6, axis=-1),
        [ints(2, 5, low=0, high=6), f32(2, 5)],
    ),
    Case(
        "bincount raw", lambda x: raw.Bincount(arr=x, size=4, weights=np.zeros(0, np.float32)), [np.int32([1, 3, 1, 5])]
    ),
    Case("bincount raw weights", lambda x, w: raw.Bincount(arr=x, size=4, weights=w), [np.int32([1, 3, 1, 5]), f32(4)]),
    Case(
        "bincount int64",
        lambda x: raw.DenseBincount(input=x, size=np.int64(4), weights=np.zeros(0, np.int64)),
        [np.int64([1, 3, 1, 5])],
    ),
    Case(
        "bincount raw of rows",
        lambda x, w: raw.Bincount(arr=x, size=4, weights=w),
        [ints(2, 3, low=0, high=4), f32(2, 3)],
        spec=[(None, 3), (None, 3)],
        also=[[ints(4, 3, low=0, high=4), f32(4, 3)]],
    ),
    Case(
        "bincount of a number",
        lambda x: raw.DenseBincount(input=x, size=4, weights=np.zeros(0, np.int32)),
        [np.int32(2)],
    ),
    Case(
        "confusion matrix",
        lambda t, p: tf.math.confusion_matrix(t, p, num_classes=3),
        [np.int32([0, 1, 2]), np.int32([0, 2, 2])],
    ),
    Case(
        "histogram",
        lambda x: tf.histogram_fixed_width(x, [0.0, 1.0], nbins=10),
        [np.float32([-1, 0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.9, 1.0, 5.0, 0.29999998])],
    ),
    Case(
        "histogram int64",
        lambda x: tf.histogram_fixed_width(x, [-3.0, 7.0], nbins=5, dtype=tf.int64),
        [f32(4, 5, low=-9, high=9)],
    ),
    Case("unravel", lambda i: tf.unravel_index(i, [3, 4, 5]), [np.int32([0, 17, 59])]),
    Case("unravel int64", lambda i: tf.unravel_index(i, tf.constant([3, 4], tf.int64)), [np.int64([0, 7, 11])]),
]
test_counts = parity_test(COUNTS)

CASES = [*GATHERS, *SCATTERS, *SEGMENTS, *CTC, *SEARCHES, *COUNTS]

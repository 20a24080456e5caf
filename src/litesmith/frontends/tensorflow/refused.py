"""TensorFlow operators that have no form in built-in operators on purpose, and why."""

from __future__ import annotations

from collections.abc import Mapping

_OUTSIDE = "compute it outside the model"


def _table(*rows: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    table = {op: (reason, fix) for ops, reason, fix in rows for op in ops.split()}
    assert len(table) == sum(len(ops.split()) for ops, _, _ in rows), "an operator has two rows"
    return table


REFUSED: Mapping[str, tuple[str, str]] = _table(
    (
        "MatrixSolveLs BandedTriangularSolve TridiagonalSolve",
        "this form of linear equations has no kernel",
        "use tf.linalg.solve",
    ),
    (
        "MatrixExponential MatrixLogarithm MatrixSquareRoot",
        "a function of a matrix has no kernel",
        _OUTSIDE,
    ),
    ("Eig SelfAdjointEig", "a decomposition of a matrix has no kernel", _OUTSIDE),
    (
        "FractionalAvgPool FractionalMaxPool",
        "a fractional pool chooses its windows at random and has no kernel",
        "use a max or average pool",
    ),
    (
        "Ndtri Spence Dawsn Expint FresnelCos FresnelSin BesselJ0 BesselJ1 "
        "BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1",
        "this special function has no kernel and no decomposition of float32 accuracy",
        _OUTSIDE,
    ),
    (
        "CTCLoss CTCLossV2 CTCBeamSearchDecoder",
        "this part of CTC has no kernel",
        "use tf.nn.ctc_greedy_decoder, or compute it outside the model",
    ),
    ("DrawBoundingBoxes DrawBoundingBoxesV2", "drawing has no kernel", "draw outside the model"),
    (
        "StatelessTruncatedNormal StatelessTruncatedNormalV2 StatelessMultinomial StatelessRandomBinomial "
        "StatelessRandomPoisson StatelessRandomGammaV2 StatelessRandomGammaV3 "
        "StatelessParameterizedTruncatedNormal StatelessShuffle "
        "StatelessSampleDistortedBoundingBox RngSkip RngReadAndSkip StatefulUniform StatefulUniformInt "
        "StatefulUniformFullInt StatefulStandardNormal StatefulStandardNormalV2 StatefulTruncatedNormal",
        "the random sequence of a seed or generator cannot be reproduced by the runtime",
        "draw with tf.random.uniform or tf.random.normal, or pass the random numbers in",
    ),
    (
        "TruncatedNormal ParameterizedTruncatedNormal RandomGamma RandomPoisson RandomPoissonV2 StatefulRandomBinomial "
        "RandomGammaGrad SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 "
        "LogUniformCandidateSampler UniformCandidateSampler LearnedUnigramCandidateSampler",
        "random numbers of this distribution have no kernel",
        "make them of tf.random.uniform or tf.random.normal, or pass them in",
    ),
    (
        "AsString StringJoin StringFormat StringLower StringUpper StringStrip StringLength StringSplit StringSplitV2 "
        "StringToNumber StringNGrams StaticRegexReplace StaticRegexFullMatch RegexReplace RegexFullMatch Substr "
        "ReduceJoin UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode "
        "UnsortedSegmentJoin EncodeBase64 DecodeBase64 StringToHashBucket StringToHashBucketFast "
        "StringToHashBucketStrong SparseCross SparseCrossV2 SparseCrossHashed",
        "text processing (splitting, joining, formatting, hashing of strings) has no kernel",
        "prepare the text outside the model",
    ),
    (
        "ParseExample ParseExampleV2 ParseSingleExample ParseSequenceExample ParseSequenceExampleV2 "
        "ParseSingleSequenceExample ParseTensor SerializeTensor DecodeProtoV2 EncodeProto DecodeCSV DecodeJSONExample "
        "DecodeRaw DecodePaddedRaw DecodeCompressed",
        "serialized data cannot be parsed by the runtime",
        "export a signature that takes the parsed tensors",
    ),
    (
        "DecodeJpeg DecodeAndCropJpeg DecodePng DecodeGif DecodeBmp DecodeImage DecodeWebP EncodeJpeg EncodePng "
        "EncodeJpegVariableQuality ExtractJpegShape DecodeWav EncodeWav",
        "images and sound cannot be decoded or encoded by the runtime",
        "export a signature that takes the decoded tensor",
    ),
    (
        "ReadFile WriteFile MatchingFiles ShardedFilename SaveV2 RestoreV2 Save Restore MergeV2Checkpoints "
        "WholeFileReaderV2 TFRecordReaderV2 TextLineReaderV2 ReaderReadV2",
        "files are read or written, which a converted model cannot",
        "export a signature that computes only",
    ),
    (
        "IteratorV2 IteratorGetNext IteratorGetNextSync OneShotIterator MakeIterator TensorSliceDataset MapDataset "
        "BatchDataset BatchDatasetV2 FIFOQueueV2 QueueDequeueV2 QueueDequeueManyV2 QueueEnqueueV2 RandomShuffleQueueV2",
        "an input pipeline is part of the graph",
        "export a signature whose inputs are tensors",
    ),
    (
        "PyFunc PyFuncStateless EagerPyFunc NumpyFunction",
        "Python code runs inside the graph (tf.py_function, tf.numpy_function)",
        "write it with TensorFlow operations",
    ),
    (
        "XlaCallModule XlaLaunch XlaLaunchV2 _XlaRun XlaHostCompute",
        "the graph holds a program compiled by XLA (jax2tf writes such models), not TensorFlow operations",
        "convert the JAX function itself (litesmith.convert(function, example)), or export with "
        "jax2tf.convert(..., native_serialization=False)",
    ),
    (
        "RemoteCall NcclAllReduce NcclReduce NcclBroadcast CollectiveReduce CollectiveReduceV2 CollectiveGather "
        "CollectiveGatherV2 CollectiveBcastSend CollectiveBcastRecv _Send _Recv _HostSend _HostRecv Send Recv "
        "CrossReplicaSum TPUReplicate TPUReplicatedInput TPUReplicatedOutput TPUPartitionedCall "
        "ConfigureDistributedTPU",
        "the graph is distributed over several devices",
        "export the model for serving on one device",
    ),
    (
        "ResourceApplyGradientDescent ResourceApplyMomentum ResourceApplyKerasMomentum ResourceApplyAdam "
        "ResourceApplyAdamWithAmsgrad ResourceApplyAdagrad ResourceApplyAdagradV2 ResourceApplyRMSProp "
        "ResourceApplyFtrl ResourceApplyFtrlV2 ResourceApplyAdadelta ResourceSparseApplyAdagrad ApplyGradientDescent "
        "ApplyMomentum ApplyAdam ApplyAdagrad ApplyRMSProp ApplyFtrl",
        "an optimizer's step has no kernel",
        "export the inference signature, or write the step with assignments",
    ),
    (
        "AvgPool3DGrad MaxPoolGradWithArgmax MaxPoolGradGrad MaxPool3DGrad "
        "Conv3DBackpropFilterV2 Dilation2DBackpropFilter Dilation2DBackpropInput FusedBatchNormGrad "
        "FusedBatchNormGradV2 FusedBatchNormGradV3 LRNGrad ResizeBilinearGrad ResizeBicubicGrad "
        "ResizeNearestNeighborGrad StridedSliceGrad MirrorPadGrad BlockLSTMGrad BlockLSTMGradV2 "
        "LSTMBlockCellGrad GRUBlockCellGrad CudnnRNNBackprop IgammaGradA FakeQuantWithMinMaxVarsGradient",
        "this derivative has no kernel and no decomposition here",
        "export the inference signature, or compute the gradient outside the model",
    ),
    (
        "StackV2 StackPushV2 StackPopV2 TensorArrayGradV3 TensorListPushBackBatch SymbolicGradient CountUpTo",
        "what training records for its backward pass has no form here",
        "export the inference signature",
    ),
    (
        "Unbatch Batch BatchFunction Barrier StagePeek Unstage Stage",
        "requests are batched inside the graph, which is a server's work",
        "export the signature below the batching",
    ),
    (
        "RaggedTensorToTensor RaggedTensorToSparse RaggedGather RaggedRange RaggedTensorToVariant "
        "RaggedTensorFromVariant RaggedBincount",
        "ragged tensors have no kernel",
        "use dense tensors and their lengths",
    ),
    (
        "SparseReshape SparseFillEmptyRows SparseReorder SparseConcat SparseSlice SparseAdd SparseSplit "
        "SparseReduceMax SparseReduceMaxSparse SparseReduceSumSparse SparseSoftmax SparseSparseMaximum "
        "SparseSparseMinimum SparseTensorDenseAdd SparseDenseCwiseAdd SparseDenseCwiseMul SparseDenseCwiseDiv "
        "SparseSliceGrad SparseBincount DenseToSparseSetOperation DenseToDenseSetOperation "
        "SparseToSparseSetOperation DeserializeSparse SerializeSparse SerializeManySparse AddSparseToTensorsMap "
        "TakeManySparseFromTensorsMap SparseMatMul SparseConditionalAccumulator",
        "sparse tensors have no kernels",
        "use dense tensors, or tf.sparse.to_dense at once",
    ),
    (
        "XlaGather XlaScatter XlaPad XlaReduce XlaVariadicReduce XlaVariadicReduceV2 XlaReduceWindow XlaDot XlaDotV2 "
        "XlaConv XlaConvV2 XlaSort XlaVariadicSort XlaKeyValueSort XlaSelectAndScatter XlaRngBitGenerator "
        "XlaSelfAdjointEig XlaSvd XlaIf XlaWhile XlaSend XlaRecv XlaReducePrecision XlaBroadcastHelper",
        "the graph holds operations of XLA, as jax2tf writes them by default",
        "convert the JAX function itself (litesmith.convert(function, example)), or export with "
        "jax2tf.convert(..., native_serialization=False, enable_xla=False)",
    ),
    (
        "BlockLSTM BlockLSTMV2 LSTMBlockCell GRUBlockCell CudnnRNN CudnnRNNV2 CudnnRNNV3",
        "this recurrent kernel keeps its weights in a layout of its own",
        "build the model with tf.keras.layers.LSTM or GRU",
    ),
    (
        "AudioSpectrogram Mfcc",
        "the runtime has this as a custom operator only",
        "use tf.signal.stft and tf.signal.mfccs_from_log_mel_spectrograms, or set allow_custom_ops=True",
    ),
    ("ExtractGlimpse ExtractGlimpseV2", "a glimpse at a place the model computes has no kernel", "use tf.slice"),
    (
        "LookupTableImportV3 AnonymousMutableHashTable AnonymousMutableDenseHashTable "
        "AnonymousMutableHashTableOfTensors MutableHashTableOfTensorsV2 MutableHashTableOfTensors",
        "this kind of lookup table is made while the model runs",
        "use tf.lookup.StaticHashTable as an attribute of the saved model",
    ),
)
"""Operator -> (reason, way out)."""

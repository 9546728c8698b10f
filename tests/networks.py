"""Networks that must never serve, made from one that does."""

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils


def crashing(tflite: bytes) -> bytes:
    """Crashes LiteRT: its first operation is an IF whose branches are the whole network, without an end."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    [graph] = model.subgraphs
    condition = schema.TensorT(name="condition", shape=np.ones(1, np.int32), type=schema.TensorType.BOOL)
    condition.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT(data=np.ones(1, np.uint8)))
    again = schema.TensorT(**{**vars(graph.tensors[graph.inputs[0]]), "name": "again"})
    branch = schema.OperatorT(opcodeIndex=len(model.operatorCodes))
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.IF, deprecatedBuiltinCode=schema.BuiltinOperator.IF)
    )
    branch.inputs, branch.outputs = [len(graph.tensors), *graph.inputs], [len(graph.tensors) + 1]
    branch.builtinOptionsType = schema.BuiltinOptions.IfOptions
    branch.builtinOptions = schema.IfOptionsT(thenSubgraphIndex=0, elseSubgraphIndex=0)
    graph.tensors += [condition, again]
    graph.operators.insert(0, branch)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def ignorant(tflite: bytes) -> bytes:
    """Loads and runs, but all its weights and biases are 0, and so is what it says."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 40:
            buffer.data = np.zeros(len(buffer.data), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))

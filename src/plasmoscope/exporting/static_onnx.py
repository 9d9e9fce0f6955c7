"""An ONNX graph for one fixed number of cells: what compilers of phones, browsers and accelerators want."""

import onnx
from onnxscript import optimizer

from plasmoscope.classification.classifier import OUTPUTS


def static_graph(network: bytes, cells: int) -> bytes:
    """The same graph for so many cells at a time, with everything that followed from their number worked out."""
    graph = onnx.load_model_from_string(network)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = cells
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = cells
    del graph.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(graph, data_prop=True)
    return bytes(optimizer.optimize(graph).SerializeToString())


def logits_alone(network: bytes) -> bytes:
    """The graph without features and strangeness, for runtimes that are asked for calls alone."""
    graph = onnx.load_model_from_string(network)
    kept = [output for output in graph.graph.output if output.name == OUTPUTS[0]]
    del graph.graph.output[:]
    graph.graph.output.extend(kept)
    needed, nodes = {OUTPUTS[0]}, []
    for node in reversed(graph.graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.append(node)
    del graph.graph.node[:]
    graph.graph.node.extend(reversed(nodes))
    weights = [weight for weight in graph.graph.initializer if weight.name in needed]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(weights)
    return bytes(graph.SerializeToString())

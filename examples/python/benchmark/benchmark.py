"""Measure a sealed model's time to the first inference, and its inferences per second.

    python benchmark.py model.ovseal --keyfile device.key
    python benchmark.py model.ovseal --identity device.key --publisher acme.pub --cache-dir cache
    python benchmark.py --plaintext model.xml          for comparison
"""

import argparse
import json
import resource
import time

import numpy as np
import openvino as ov
import ovseal


def compiled(options: argparse.Namespace) -> ov.CompiledModel:
    core = ov.Core()
    if options.plaintext:
        return core.compile_model(core.read_model(options.model), options.device, {"CACHE_DIR": ""})
    if options.keyfile:
        key = ovseal.keyfile(options.keyfile)
    elif options.identity:
        key = ovseal.identity(options.identity)
    else:
        key = None  # this device's own key, in its TPM
    return ovseal.compile_model(
        core, options.model, options.device, key=key, publisher=options.publisher, cache_dir=options.cache_dir
    )


def inputs(model: ov.CompiledModel) -> list[np.ndarray]:
    """Return the same numbers for the same model. Dynamic extents are 1."""
    random = np.random.default_rng(0)
    shapes = [[extent.get_length() if extent.is_static else 1 for extent in port.partial_shape] for port in model.inputs]
    dtypes = [port.element_type.to_dtype() for port in model.inputs]
    return [random.random(shape).astype(dtype) for shape, dtype in zip(shapes, dtypes)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--plaintext", action="store_true", help="the model is not sealed")
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--keyfile", metavar="F")
    parser.add_argument("--identity", metavar="F")
    parser.add_argument("--publisher", metavar="F")
    parser.add_argument("--cache-dir", metavar="DIR")
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()

    start = time.perf_counter()
    model = compiled(options)
    loaded = time.perf_counter()
    request, given = model.create_infer_request(), inputs(model)
    request.infer(given)
    first = time.perf_counter()
    count = 0
    while time.perf_counter() - first < options.seconds:
        request.infer(given)
        count += 1
    end = time.perf_counter()
    report = {
        "load_seconds": loaded - start,
        "first_inference_seconds": first - start,
        "inferences_per_second": count / (end - first),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

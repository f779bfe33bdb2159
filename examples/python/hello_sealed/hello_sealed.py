"""Seal a model, and run it from the sealed file: python hello_sealed.py MODEL.xml DIR

`publish` is the publisher's part, `run` the device's. DIR receives the keys and the sealed model.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal


def publish(model: Path, directory: Path, recipient: str) -> None:
    ovseal.generate_publisher(directory / "acme.key", directory / "acme.pub")
    sealed = ovseal.seal(
        model,
        directory / "model.ovseal",
        recipients=recipient,
        publisher_key=directory / "acme.key",
        name="hello",
        security_version=1,
    )
    print(f"sealed {model.name} into {sealed.length} bytes")


def run(directory: Path) -> None:
    model = ovseal.read_model(
        ov.Core(),
        directory / "model.ovseal",
        key=ovseal.identity(directory / "device.key"),
        publisher=directory / "acme.pub",
        name="hello",
    )
    compiled = ov.compile_model(model, "CPU")
    inputs = [np.ones([extent.get_length() if extent.is_static else 1 for extent in port.partial_shape]) for port in compiled.inputs]
    outputs = compiled(inputs)
    for port in compiled.outputs:
        print(f"{port.any_name}: {outputs[port].shape}, first value {outputs[port].flat[0]:.6f}")


def main() -> None:
    model, directory = map(Path, sys.argv[1:])
    # The device keeps the identity. The recipient is not secret and goes to the publisher.
    recipient = ovseal.generate_identity(directory / "device.key")
    publish(model, directory, recipient)
    try:
        run(directory)
    except ovseal.Error as error:
        sys.exit(f"{error}\n{error.hint or ''}")


if __name__ == "__main__":
    main()

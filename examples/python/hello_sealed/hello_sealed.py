"""Seals a model and runs it from the sealed file: python hello_sealed.py MODEL.xml FOLDER

The first half is the publisher's, the second the device's. FOLDER gets the keys and the sealed model.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal


def publish(model: Path, folder: Path, recipient: str) -> None:
    ovseal.generate_publisher(folder / "acme.key", folder / "acme.pub")
    sealed = ovseal.seal(
        model,
        folder / "model.ovseal",
        recipients=recipient,
        publisher_key=folder / "acme.key",
        name="hello",
        security_version=1,
    )
    print(f"sealed {model.name} into {sealed.length} bytes")


def run(folder: Path) -> None:
    model = ovseal.read_model(
        ov.Core(),
        folder / "model.ovseal",
        key=ovseal.identity(folder / "device.key"),
        publisher=folder / "acme.pub",
        name="hello",
    )
    compiled = ov.compile_model(model, "CPU")
    inputs = [np.ones([extent.get_length() if extent.is_static else 1 for extent in port.partial_shape]) for port in compiled.inputs]
    outputs = compiled(inputs)
    for port in compiled.outputs:
        print(f"{port.any_name}: {outputs[port].shape}, first value {outputs[port].flat[0]:.6f}")


def main() -> None:
    model, folder = map(Path, sys.argv[1:])
    # The device's identity stays on the device; its recipient, which is no secret, goes to the publisher.
    recipient = ovseal.generate_identity(folder / "device.key")
    publish(model, folder, recipient)
    try:
        run(folder)
    except ovseal.Error as error:
        sys.exit(f"{error}\n{error.hint or ''}")


if __name__ == "__main__":
    main()

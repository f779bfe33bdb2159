"""The command ``ovseal``: ``python -m ovseal --help``."""

import importlib.util
import os
import signal
import sys

from . import _ovseal


def main() -> int:
    """Run the command with this process's arguments, and return its exit code."""
    # Python's own handler would only act on the signal after the command has ended.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    name_runtime()
    # Keeps the TPM software stack from writing to stderr itself.
    os.environ.setdefault("TSS2_LOG", "all+none")
    return _ovseal.run(["ovseal", *sys.argv[1:]])


def name_runtime() -> None:
    """Set ``OVSEAL_OPENVINO`` to this interpreter's OpenVINO package.

    Outside a virtual environment, the command would not find the package.
    """
    package = importlib.util.find_spec("openvino")
    if package is not None and package.submodule_search_locations and "OVSEAL_OPENVINO" not in os.environ:
        libraries = os.path.join(package.submodule_search_locations[0], "libs")
        if os.path.isdir(libraries):
            os.environ["OVSEAL_OPENVINO"] = libraries


if __name__ == "__main__":
    sys.exit(main())

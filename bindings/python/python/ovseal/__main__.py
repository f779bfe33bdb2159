"""The command ``ovseal``: ``python -m ovseal --help``."""

import importlib.util
import os
import signal
import sys

from . import _ovseal


def main() -> int:
    """Runs the command line of this process and gives its exit code."""
    # Python would note the signal and go on until the command has ended.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    name_runtime()
    # The TPM software stack would write to stderr by itself.
    os.environ.setdefault("TSS2_LOG", "all+none")
    return _ovseal.run(["ovseal", *sys.argv[1:]])


def name_runtime() -> None:
    """Names the runtime of this interpreter's package, which the command would not find outside of a virtual environment."""
    package = importlib.util.find_spec("openvino")
    if package is not None and package.submodule_search_locations and "OVSEAL_OPENVINO" not in os.environ:
        libraries = os.path.join(package.submodule_search_locations[0], "libs")
        if os.path.isdir(libraries):
            os.environ["OVSEAL_OPENVINO"] = libraries


if __name__ == "__main__":
    sys.exit(main())

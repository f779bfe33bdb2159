"""The command ``ovseal``: ``python -m ovseal --help``."""

import signal
import sys

from . import _ovseal


def main() -> int:
    """Runs the command line of this process and gives its exit code."""
    # Python would note the signal and go on until the command has ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _ovseal.run(["ovseal", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

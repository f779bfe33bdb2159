"""Scripts in processes of their own, which must end well."""

import subprocess
import sys
from pathlib import Path

from conftest import PATIENCE

PRELUDE = """
import gc, os, sys, threading
sys.path.insert(0, {tests!r})
import openvino as ov, ovseal
from conftest import KEY_BYTES, inputs, outputs
path, *rest = sys.argv[1:]
core, key = ov.Core(), ovseal.keyfile(KEY_BYTES)
"""


def run(script, *arguments, prepare=None):
    """Runs a script and gives what it printed. It must end with exit code 0 and say nothing on stderr.

    `prepare` is called in the new process before the interpreter begins.
    """
    prelude = PRELUDE.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-X", "faulthandler", "-c", prelude + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, preexec_fn=prepare)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()

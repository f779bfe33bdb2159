"""Scripts that run in separate processes, and must exit cleanly."""

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
access = {{"key": key, "publisher": ovseal.ANY_SENDER}}
"""


def run(script, *arguments, prepare=None):
    """Run a script and return the words it prints. It must exit with code 0 and an empty stderr.

    `prepare` is called in the new process before the interpreter starts.
    """
    prelude = PRELUDE.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-X", "faulthandler", "-c", prelude + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, preexec_fn=prepare)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()

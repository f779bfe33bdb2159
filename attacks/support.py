"""Code shared by the attacks, which runs `ovseal` and checks the outcome."""

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

DONE, USAGE, NOT_AUTHENTIC, NO_KEY_FITS, DENIED, UNSUPPORTED = 0, 2, 3, 4, 5, 6

# The exit code for each expected outcome of a test vector.
OUTCOMES = {
    "opened": DONE,
    "usage": USAGE,
    "not-authentic": NOT_AUTHENTIC,
    "no-key-fits": NO_KEY_FITS,
    "denied": DENIED,
    "not-a-container": UNSUPPORTED,
    "unsupported": UNSUPPORTED,
}

VECTORS = Path(__file__).resolve().parent.parent / "testkit" / "vectors"


def ovseal(*arguments, environment=None):
    """Runs `ovseal` from PATH and returns the finished process."""
    command = ["ovseal", *map(str, arguments)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )


def must(code, *arguments, environment=None):
    """Runs `ovseal`. The attack fails if the exit code is not `code`."""
    process = ovseal(*arguments, environment=environment)
    errors = process.stderr.strip().splitlines()
    print(f"ovseal {arguments[0]}: exit code {process.returncode}" + (f", {errors[0]}" if errors else ""))
    if process.returncode != code:
        fail(f"expected exit code {code}\n{process.stdout}{process.stderr}")
    return process


def check(condition, failure):
    """Fails the attack unless the condition is true."""
    if not condition:
        fail(failure)


def fail(message):
    """Ends the attack with an outcome other than the required one."""
    print(f"FAILED: {message}", file=sys.stderr)
    sys.exit(1)


@contextlib.contextmanager
def temporary_directory():
    """Changes to a temporary directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="ovseal-attack-") as path:
        os.chdir(path)
        try:
            yield Path(path)
        finally:
            os.chdir(before)


def network():
    """Returns the .xml file of a network: the first argument, or a model of the test setup."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).resolve()
    models = os.environ.get("OVSEAL_TEST_MODELS")
    check(models, "pass the .xml file of a network, or run `cargo xtask test`")
    return Path(models) / "conv" / "model.xml"


def sealed_weights(length, *options):
    """Makes a key and seals random bytes to `weights.ovseal`; returns the container's bytes."""
    Path("weights.dat").write_bytes(os.urandom(length))
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "seal", "weights.dat", "-o", "weights.ovseal", "--keyfile", "device.key", *options)
    return bytearray(Path("weights.ovseal").read_bytes())


def payload(container):
    """Returns the offset of the first part, and the size of a chunk (docs/format.md, 2.1)."""
    region = struct.unpack_from(">Q", container, 24)[0]
    return 4096 + region, 1 << container[16]


def vector(path):
    """Returns the arguments to verify a test vector, and the expected exit code.

    Writes the vector's key to the current directory.
    """
    record = json.loads(path.read_text("utf-8"))
    arguments = ["verify", path.with_suffix(".ovseal")]
    for kind, value in (record["key"] or {}).items():
        arguments += key(kind, value)
    if record["publisher"]:
        arguments += ["--publisher", VECTORS / record["publisher"]]
    return arguments, OUTCOMES[record["expect"]]


def key(kind, value):
    """Writes a vector's key to a file and returns the option for it."""
    if kind == "keyfile":
        Path("vector.key").write_bytes(bytes.fromhex(value))
        return ["--keyfile", "vector.key"]
    Path("vector.passphrase").write_text(value, "utf-8")
    return ["--passphrase-file", "vector.passphrase"]


def refuse_cheaply(path, seconds=2, megabytes=200):
    """Verifies a test vector, which must fail as expected and use little time and memory."""
    arguments, code = vector(path)
    command = ["ovseal", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    # Processor time is measured, because elapsed time depends on the load of the machine.
    took, used = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    print(f"{path.stem}: exit code {process.returncode}, {took:.2f} s, {used:.0f} MB")
    check(code != DONE and process.returncode == code, f"expected exit code {code}")
    check(took < seconds and used < megabytes, f"more than {seconds} s of processor time or {megabytes} MB")

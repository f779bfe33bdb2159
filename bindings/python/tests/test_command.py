"""The command, run as `python -m ovseal`."""

import signal
import subprocess
import sys
import time

from conftest import KEY_BYTES, PATIENCE


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "ovseal", *map(str, arguments)], capture_output=True, text=True, **options)


def private(path, content):
    """Write a key that only its owner can access."""
    path.touch(0o600)
    path.write_bytes(content)


def test_the_command_runs_and_returns_its_exit_code(sealed, tmp_path):
    path = sealed("mlp")
    private(tmp_path / "key", KEY_BYTES)
    seen = command("inspect", path, "--keyfile", tmp_path / "key")
    assert seen.returncode == 0 and "model.bin" in seen.stdout
    run = command("run", path, "--keyfile", tmp_path / "key", "--json")
    assert run.returncode == 0 and run.stdout.startswith("{"), run.stderr
    private(tmp_path / "other", bytes(32))
    refused = command("verify", path, "--keyfile", tmp_path / "other")
    assert refused.returncode == 4 and refused.stderr.startswith("ovseal: error: ")
    assert command("nothing").returncode == 2
    assert command("--version").stdout.startswith("ovseal ")


def test_a_signal_interrupts_the_command(tmp_path):
    with open(tmp_path / "big", "wb") as big:
        big.truncate(3 << 30)
    (tmp_path / "key").write_bytes(KEY_BYTES)
    arguments = [sys.executable, "-m", "ovseal", "seal", tmp_path / "big", "-o", tmp_path / "b.ovseal", "--keyfile", tmp_path / "key"]

    def enable_interrupts():
        # A shell ignores the signal in background jobs, and the command would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, preexec_fn=enable_interrupts)
    while process.poll() is None and not any(path.name.endswith(".partial") for path in tmp_path.iterdir()):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    messages = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1 and b"interrupted: nothing was written" in messages, messages
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big", "key"]

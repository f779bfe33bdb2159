"""Attacks a container bound to a TPM, with the device's disk and its TPM in another state.

Required outcome: neither `ovseal` nor tpm2-tools, which use the TPM directly, can unseal the share:
the policy fails. In the right state, tpm2-tools do unseal it, and the second implementation then
opens the container. This shows that the attack is real.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from support import DONE, NO_KEY_FITS, check, fail, must, temporary_directory

TEMPLATE = os.environ.get("OVSEAL_TEST_TPM")


def start():
    """Starts a TPM in the current directory."""
    for name in ("s", "s.ctrl", "pid"):
        Path(name).unlink(missing_ok=True)
    here = Path.cwd()
    subprocess.run(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={here}/tpm", "--server", f"type=unixio,path={here}/s", "--ctrl",
         f"type=unixio,path={here}/s.ctrl", "--flags", "not-need-init,startup-clear", "--daemon", "--pid", f"file={here}/pid"],
        check=True, timeout=120,
    )
    for _ in range(12_000):
        if Path("pid").exists():
            return
        time.sleep(0.01)
    fail("swtpm did not start")


def tool(name, *arguments):
    """Runs a program of tpm2-tools; returns its success and standard output."""
    environment = os.environ | {"TPM2TOOLS_TCTI": f"swtpm:path={Path.cwd()}/s", "TSS2_LOG": "all+none"}
    done = subprocess.run(["timeout", "120", name, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment)
    print(f"{name}: exit code {done.returncode}")
    return done.returncode == 0, done.stdout


def flush():
    """Frees the TPM's few slots."""
    tool("tpm2_flushcontext", "-t")
    tool("tpm2_flushcontext", "-l")


def read_head(data):
    """Returns major type and value of a CBOR head, and the bytes after it."""
    major, short = data[0] >> 5, data[0] & 31
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    return major, int.from_bytes(data[1 : 1 + size], "big") if size else short, data[1 + size :]


def read_device():
    """Returns private and public area of the wrapped key on the device's disk."""
    fields, rest = [], Path("state/tpm2-device").read_bytes()
    _, count, rest = read_head(rest)
    for _ in range(count):
        major, value, rest = read_head(rest)
        if major == 2:
            value, rest = rest[:value], rest[value:]
        fields.append(value)
    return fields[3], fields[4]


def sized(data):
    """Returns the bytes after their length."""
    return len(data).to_bytes(2, "big") + data


def read_stanza():
    """Returns public area, private area and seed of the wrapped share in the container."""
    container = Path("weights.ovseal").read_bytes()
    at = container.index(b"\x04tpm2", 4096) + 5
    length = int.from_bytes(container[at : at + 2], "big")
    parameters = container[at + 2 : at + 2 + length]
    rest = parameters[32 + 1 + 32 + 4 :]
    check(rest[0] == 0, "the stanza has bounds")
    unique, x, y, private = rest[1:33], rest[33:65], rest[65:97], rest[99:]
    public = bytes.fromhex("0008 000b 00000440 0000 0010") + sized(unique)
    return public, private, sized(x) + sized(y)


def unseal(with_policy):
    """Imports, loads and unseals the share with tpm2-tools, under the device's key."""
    flush()
    authorization = ["-P", "session:key.session"] if with_policy else []

    def session():
        if with_policy:
            tool("tpm2_startauthsession", "--policy-session", "-S", "key.session")
            tool("tpm2_policypcr", "-S", "key.session", "-l", "sha256:16")

    steps = [
        (False, "tpm2_load", "-C", "primary.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx"),
        (True, "tpm2_import", "-C", "key.ctx", "-i", "share.dup", "-s", "share.seed", "-u", "share.pub", "-r", "share.priv", *authorization),
        (True, "tpm2_load", "-C", "key.ctx", "-u", "share.pub", "-r", "share.priv", "-c", "share.ctx", *authorization),
    ]
    tool("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:aes128cfb", "-a", ATTRIBUTES, "-c", "primary.ctx")
    for needs_session, *step in steps:
        if needs_session:
            session()
        succeeded, _ = tool(*step)
        tool("tpm2_flushcontext", "-l")
        tool("tpm2_flushcontext", "-t")
        if not succeeded:
            return None
    succeeded, share = tool("tpm2_unseal", "-c", "share.ctx")
    return share if succeeded else None


READER = Path(__file__).resolve().parents[1] / "testkit/reader.py"
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"

with temporary_directory(), ExitStack() as stack:
    check(TEMPLATE, "run `cargo xtask test`, or set OVSEAL_TEST_TPM to the directory of a manufactured swtpm")
    shutil.copytree(Path(TEMPLATE) / "state", "tpm")
    stack.callback(lambda: os.kill(int(Path("pid").read_text()), 9))
    start()
    device = ["--tcti", f"swtpm:path={Path.cwd()}/s", "--state", "state"]
    recipient = must(DONE, "device", "enroll", "--pcr", "16", *device).stdout.strip()
    Path("weights.dat").write_bytes(os.urandom(1000))
    must(DONE, "seal", "weights.dat", "-o", "weights.ovseal", "-r", recipient)
    must(DONE, "verify", "weights.ovseal", "--tpm", *device)

    private, public = read_device()
    Path("key.priv").write_bytes(sized(private))
    Path("key.pub").write_bytes(sized(public))
    public, private, seed = read_stanza()
    Path("share.pub").write_bytes(sized(public))
    Path("share.dup").write_bytes(sized(private))
    Path("share.seed").write_bytes(sized(seed))

    share = unseal(with_policy=True)
    check(share is not None and len(share) == 32, "not an attack: tpm2-tools fail even in the right state")
    Path("share").write_bytes(share)
    opened = subprocess.run([sys.executable, READER, "weights.ovseal", "share", "share"], capture_output=True, check=False)
    check(opened.returncode == 0, "not an attack: the share does not open the container")
    check(unseal(with_policy=False) is None, "the TPM unsealed the share without the policy")
    tool("tpm2_pcrextend", f"16:sha256={'ab' * 32}")
    check(unseal(with_policy=True) is None, "the TPM unsealed the share in another state")
    check(unseal(with_policy=False) is None, "the TPM unsealed the share in another state, without the policy")
    must(NO_KEY_FITS, "verify", "weights.ovseal", "--tpm", *device)

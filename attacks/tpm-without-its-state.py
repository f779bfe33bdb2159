"""Has a bound container, everything on the device's disk, and the device's TPM in another state: tpm-without-its-state.py

Must happen: neither `ovseal` nor tpm2-tools, which talk to the TPM by themselves, get the share out of the TPM: the policy is not
fulfilled. With the right state tpm2-tools get it, and with it the second implementation opens the container: the attack is a real one.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from support import DONE, NO_KEY_FITS, check, folder, must

TEMPLATE = os.environ.get("OVSEAL_TEST_TPM")


def start():
    """Starts a TPM in the current folder; gives its process id."""
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
            break
        time.sleep(0.01)
    return int(Path("pid").read_text())


def tool(name, *arguments):
    """Runs a program of tpm2-tools: whether it succeeded, and what it wrote."""
    environment = os.environ | {"TPM2TOOLS_TCTI": f"swtpm:path={Path.cwd()}/s", "TSS2_LOG": "all+none"}
    done = subprocess.run(["timeout", "120", name, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment)
    print(f"{name}: exit code {done.returncode}")
    return done.returncode == 0, done.stdout


def flush():
    """Empties the TPM's few slots."""
    tool("tpm2_flushcontext", "-t")
    tool("tpm2_flushcontext", "-l")


def read_head(data):
    """Major type and value of a CBOR head of at most 64 bits, and what follows."""
    major, short = data[0] >> 5, data[0] & 31
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    return major, int.from_bytes(data[1 : 1 + size], "big") if size else short, data[1 + size :]


def read_device():
    """The wrapped key on the device's disk: private and public area."""
    fields, rest = [], Path("state/tpm2-device").read_bytes()
    _, count, rest = read_head(rest)
    for _ in range(count):
        major, value, rest = read_head(rest)
        if major == 2:
            value, rest = rest[:value], rest[value:]
        fields.append(value)
    return fields[3], fields[4]


def sized(data):
    """Bytes with their length before them."""
    return len(data).to_bytes(2, "big") + data


def read_stanza():
    """The wrapped share in the container: public area, private area and seed, as the TPM takes them."""
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
    """Asks the TPM for the share with tpm2-tools: loads the device's key, imports, loads and unseals."""
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

with folder(), ExitStack() as stack:
    check(TEMPLATE, "run `cargo xtask test`, or name the folder of a manufactured swtpm in OVSEAL_TEST_TPM")
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
    check(share is not None and len(share) == 32, "tpm2-tools get nothing in the right state either: no attack")
    Path("share").write_bytes(share)
    opened = subprocess.run([sys.executable, READER, "weights.ovseal", "share", "share"], capture_output=True, check=False)
    check(opened.returncode == 0, "the share does not open the container: no attack")
    check(unseal(with_policy=False) is None, "the share came without the policy")
    tool("tpm2_pcrextend", f"16:sha256={'ab' * 32}")
    check(unseal(with_policy=True) is None, "the share came in another state")
    check(unseal(with_policy=False) is None, "the share came in another state without the policy")
    must(NO_KEY_FITS, "verify", "weights.ovseal", "--tpm", *device)

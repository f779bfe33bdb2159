"""Sealing, verifying, rekeying: what they give, what they report, and how they are interrupted."""

import hashlib
import subprocess
import sys
import threading
import time

import ovseal
import pytest
from conftest import MODELS, PATIENCE


def test_a_folder_is_sealed_whole(tmp_path, key):
    reported = []
    made = ovseal.seal(
        MODELS / "folder", tmp_path / "f.ovseal", recipients=[key], progress=lambda *numbers: reported.append(numbers)
    )
    assert made.length == (tmp_path / "f.ovseal").stat().st_size
    files = {str(path.relative_to(MODELS / "folder")) for path in (MODELS / "folder").rglob("*") if path.is_file()}
    with ovseal.open(tmp_path / "f.ovseal", key=key) as opened:
        assert {part.path for part in opened} == files
        assert opened.container_id == made.container_id
        total = sum(part.length for part in opened)
    assert reported[-1] == (total, total) and reported == sorted(reported)


@pytest.fixture
def work(tmp_path):
    """A folder in which someone worked on a model."""
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git/config").write_text("token")
    (folder / "old.ovseal").write_text("old")
    (folder / "net.xml").write_text("<net/>")
    (folder / "net.bin").write_bytes(bytes(100))
    (folder / "notes.md").write_text("notes")
    return folder


def test_what_no_model_needs_is_left_out_of_a_folder(work, tmp_path, key):
    plan = ovseal.plan(work, exclude=["*.md"])
    assert [(part.path, part.kind, part.length) for part in plan.parts] == [("net.bin", "weights", 100), ("net.xml", "ir", 6)]
    assert [str(path) for path in plan.left_out] == [".git", "notes.md", "old.ovseal"]
    assert len(ovseal.plan(work, include_everything=True).parts) == 5
    (work / ".ovsealignore").write_text("net.*\n")
    assert [part.path for part in ovseal.plan(work).parts] == ["notes.md"]
    ovseal.seal(work, tmp_path / "m.ovseal", recipients=key, exclude="*.md", include_everything=True)
    with ovseal.open(tmp_path / "m.ovseal", key=key, publisher=ovseal.ANY_SENDER) as opened:
        assert sorted(part.path for part in opened) == [".git/config", ".ovsealignore", "net.bin", "net.xml", "old.ovseal"]
    for wrong in ("!net.xml", ""):
        with pytest.raises(ovseal.UsageError, match="is not a pattern"):
            ovseal.plan(work, exclude=wrong)


def test_keys_in_a_models_folder_are_not_sealed(work, tmp_path):
    ovseal.generate_keyfile(work / "key")
    ovseal.generate_publisher(work / "acme.key", tmp_path / "acme.pub")
    given = ovseal.keyfile(work / "key")
    with pytest.raises(ovseal.UsageError, match="acme.key is a private key in PEM"):
        ovseal.seal(work, tmp_path / "m.ovseal", recipients=given)
    (work / "acme.key").rename(tmp_path / "acme.key")
    with pytest.raises(ovseal.UsageError, match="looks like a key file"):
        ovseal.plan(work)
    with pytest.raises(ovseal.UsageError, match="key was given as a key or as a list of recipients"):
        ovseal.seal(work, tmp_path / "m.ovseal", recipients=given, include_everything=True)
    assert not (tmp_path / "m.ovseal").exists()


def test_only_a_container_is_replaced_and_never_a_key(tmp_path):
    ovseal.generate_keyfile(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("file")
    key = ovseal.keyfile(tmp_path / "key")
    for output, words in [("key", "a key was read"), ("file", "another file"), ("link", "a symbolic link")]:
        with pytest.raises(ovseal.UsageError, match=words):
            ovseal.seal(MODELS / "mlp/model.xml", tmp_path / output, recipients=key, replace=True)
    assert (tmp_path / "key").read_bytes() == before and (tmp_path / "file").read_text() == "precious"


def test_nothing_is_overwritten_unless_it_is_wanted(sealed, key, tmp_path):
    path = sealed("mlp")
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.seal(MODELS / "mlp/model.xml", path, recipients=key)
    assert raised.value.code == 208 and str(path) in str(raised.value)
    for keywords, code in [({"recipients": []}, 202), ({"recipients": key, "suite": 3}, 200), ({"recipients": key, "name": ""}, 200)]:
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.seal(MODELS / "mlp/model.xml", tmp_path / "new.ovseal", **keywords)
        assert raised.value.code == code
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.seal(tmp_path / "missing.xml", tmp_path / "new.ovseal", recipients=key)
    assert raised.value.code == 101
    for wrong in (5, "age1nothing", [5], None):
        with pytest.raises((TypeError, ovseal.UsageError)):
            ovseal.seal(MODELS / "mlp/model.xml", tmp_path / "new.ovseal", recipients=wrong)
    assert not (tmp_path / "new.ovseal").exists()


def test_post_quantum_and_classical_recipients_are_not_mixed(tmp_path):
    post_quantum = ovseal.generate_identity(tmp_path / "device.key")
    classical = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"
    with pytest.raises(ovseal.UsageError, match="mixed"):
        ovseal.seal(MODELS / "mlp/model.xml", tmp_path / "m.ovseal", recipients=[post_quantum, classical])
    ovseal.seal(MODELS / "mlp/model.xml", tmp_path / "m.ovseal", recipients=[post_quantum, classical], allow_mixed=True)
    assert [stanza.post_quantum for stanza in ovseal.inspect(tmp_path / "m.ovseal").stanzas] == [True, False]


def test_verifying_reads_everything(sealed, damaged, key):
    reported = []
    path = sealed("mlp")
    seen = ovseal.verify(path, progress=lambda *numbers: reported.append(numbers))
    assert (seen.publisher, seen.security_version) == (None, 0)
    assert reported[-1][0] == reported[-1][1] == sum(ovseal.inspect(path).part_lengths)
    assert ovseal.verify(path, key=key).claimed_publishers == []
    damaged = sealed("conv")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    for keywords in ({}, {"key": key}):
        with pytest.raises(ovseal.NotAuthenticError) as raised:
            ovseal.verify(damaged, **keywords)
        assert raised.value.code == 303


def test_rekeying_adds_and_removes(sealed, key):
    path = sealed("mlp")
    second = ovseal.passphrase("second")
    made = ovseal.rekey(path, key=key, add=second)
    assert (made.generation, made.stanzas) == (2, 2)
    stanzas = ovseal.inspect(path).stanzas
    assert [stanza.type for stanza in stanzas] == ["keyfile", "passphrase"]
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.rekey(path, key=key, remove=[0], expect_generation=1)
    assert raised.value.code == 107
    assert ovseal.rekey(path, key=second, remove=[0]).stanzas == 1
    with pytest.raises(ovseal.NoMatchingKeyError):
        ovseal.open(path, key=key)
    for keywords in ({}, {"remove": [0]}, {"remove": [7]}):
        with pytest.raises(ovseal.UsageError):
            ovseal.rekey(path, key=second, **keywords)


def test_inspection_and_doctor_show_facts(sealed):
    seen = ovseal.inspect(sealed("mlp"))
    assert (seen.suite, seen.generation, seen.is_region_damaged, seen.side_file) == (1, 1, False, None)
    assert seen.part_lengths[1] == (MODELS / "mlp/model.bin").stat().st_size
    assert set(ovseal.doctor()) >= {"secret_memory", "locked_memory", "userfaultfd", "swap"}


def test_an_exception_of_the_progress_call_back_ends_the_work(tmp_path, key):
    # Of this size, no machine is done with sealing before the call-back is called for the first time.
    with open(tmp_path / "big", "wb") as big:
        big.truncate(3 << 30)
    (tmp_path / "small").write_bytes(bytes(64 << 20))
    ovseal.seal(tmp_path / "small", tmp_path / "sealed.ovseal", recipients=key, only=True)

    def refuse(done, total):
        raise LookupError("enough")

    for work in (
        lambda: ovseal.seal(tmp_path / "big", tmp_path / "b.ovseal", recipients=key, only=True, progress=refuse),
        lambda: ovseal.verify(tmp_path / "sealed.ovseal", progress=refuse, threads=1),
    ):
        with pytest.raises(LookupError, match="enough"):
            work()
    assert not (tmp_path / "b.ovseal").exists()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


INTERRUPTED = """
import os, signal, sys, threading, time, ovseal
folder = sys.argv[1]
with open(folder + "/big", "wb") as big:
    big.truncate(3 << 30)
# Tests that a script starts in the background have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    while not any(name.endswith(".partial") for name in os.listdir(folder)):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    ovseal.seal(folder + "/big", folder + "/sealed.ovseal", recipients=ovseal.keyfile(bytes(32)), only=True)
except KeyboardInterrupt:
    print(sorted(os.listdir(folder)))
"""


def test_ctrl_c_ends_sealing_and_leaves_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.strip() == "['big']", done


def test_other_threads_run_meanwhile(tmp_path, key):
    (tmp_path / "big").write_bytes(bytes(128 << 20))
    turns, end = [0], threading.Event()

    def count():
        while not end.is_set():
            turns[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    ovseal.seal(tmp_path / "big", tmp_path / "b.ovseal", recipients=key, only=True)
    with ovseal.open(tmp_path / "b.ovseal", key=key) as opened:
        before = turns[0]
        memoryview(opened["big"])
    end.set()
    counter.join()
    assert turns[0] > before > 5


def test_what_openvino_reads_from_a_path_only_is_refused_with_a_remedy(tmp_path, key):
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.seal(MODELS / "tflite/model.tflite", tmp_path / "m.ovseal", recipients=key)
    assert "--optimize" in raised.value.hint and not (tmp_path / "m.ovseal").exists()


def planted(tmp_path):
    """A container with a key file, and next to it the stanzas of a copy that was given another key."""
    path, copy = tmp_path / "n.ovseal", tmp_path / "copy.ovseal"
    (tmp_path / "n.bin").write_bytes(b"weights")
    ovseal.seal(tmp_path / "n.bin", path, recipients=ovseal.keyfile(bytes(32)), replace=True)
    copy.write_bytes(path.read_bytes())
    rekeyed = ovseal.rekey(copy, key=ovseal.keyfile(bytes(32)), add=ovseal.passphrase("another"))
    assert ([stanza.type for stanza in rekeyed.added], rekeyed.removed) == (["passphrase"], [])
    data = copy.read_bytes()
    plant = b"\x89OVREKY\n\0\1" + bytes(6) + data[32:64] + data[4096 : 4096 + 65536]
    waiting = tmp_path / "n.ovseal.rekey"
    waiting.write_bytes(plant + hashlib.sha256(plant).digest())
    return path, waiting


def test_stanzas_that_wait_are_not_taken_over_before_the_caller_decides(tmp_path):
    key = ovseal.keyfile(bytes(32))
    path, waiting = planted(tmp_path)
    with pytest.raises(ovseal.NotAuthenticError, match="generation 2") as raised:
        ovseal.rekey(path, key=key, add=ovseal.passphrase("third"))
    assert raised.value.code == 306 and waiting.exists()
    with pytest.raises(ovseal.UsageError, match="waiting is"):
        ovseal.rekey(path, key=key, waiting="ignore")
    assert ovseal.rekey(path, key=key, waiting="discard").generation == 1
    assert not waiting.exists()
    path, waiting = planted(tmp_path)
    finished = ovseal.rekey(path, key=key, waiting="finish")
    assert (finished.generation, [stanza.type for stanza in finished.added]) == (2, ["passphrase"])
    assert not waiting.exists()


def test_key_derivation_has_a_limit_that_the_caller_raises(tmp_path):
    (tmp_path / "n.bin").write_bytes(b"weights")
    path = tmp_path / "n.ovseal"
    ovseal.seal(tmp_path / "n.bin", path, recipients=ovseal.passphrase("words"))
    key = ovseal.passphrase("words")
    for call in (ovseal.open, ovseal.verify, ovseal.rekey):
        keywords = {"remove": [5]} if call is ovseal.rekey else {}
        with pytest.raises(ovseal.NoMatchingKeyError, match="256 MiB") as raised:
            call(path, key=key, kdf_limit=255, **keywords)
        assert raised.value.code == 402
    ovseal.open(path, key=key, kdf_limit=256).close()


def test_a_publisher_is_trusted_for_a_name_and_content_is_verified_with_a_key(tmp_path):
    (tmp_path / "n.bin").write_bytes(b"weights")
    path, key = tmp_path / "n.ovseal", ovseal.keyfile(bytes(32))
    for name in ("acme", "other"):
        ovseal.generate_publisher(tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
    acme, other = tmp_path / "acme.pub", tmp_path / "other.pub"
    ovseal.seal(tmp_path / "n.bin", path, recipients=key, publisher_key=tmp_path / "acme.key", name="net")
    with ovseal.open(path, key=key, publisher={"net": [other, acme], "b": other}) as opened:
        assert opened.publisher == ovseal.inspect(path).publishers[0]
    for publisher in ({"b": acme}, {"net": other, "b": acme}):
        with pytest.raises(ovseal.DeniedError) as raised:
            ovseal.open(path, key=key, publisher=publisher)
        assert raised.value.code == 502
    assert not ovseal.verify(path, publisher={"net": acme}).content_verified
    assert ovseal.verify(path, key=key, publisher=acme).content_verified

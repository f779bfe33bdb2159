"""Sealing, verifying and rekeying: results, progress, and cancellation."""

import hashlib
import subprocess
import sys
import threading
import time

import ovseal
import pytest
from conftest import MODELS, PATIENCE, raises


def test_a_directory_is_sealed_whole(tmp_path, key):
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
def workspace(tmp_path):
    """Create a directory with a model and other files."""
    directory = tmp_path / "workspace"
    (directory / ".git").mkdir(parents=True)
    (directory / ".git/config").write_text("token")
    (directory / "old.ovseal").write_text("old")
    (directory / "net.xml").write_text("<net/>")
    (directory / "net.bin").write_bytes(bytes(100))
    (directory / "notes.md").write_text("notes")
    return directory


def test_files_that_no_model_needs_are_left_out(workspace, tmp_path, key):
    plan = ovseal.plan(workspace, exclude=["*.md"])
    assert [(part.path, part.kind, part.length) for part in plan.parts] == [("net.bin", "weights", 100), ("net.xml", "ir", 6)]
    assert [str(path) for path in plan.left_out] == [".git", "notes.md", "old.ovseal"]
    assert len(ovseal.plan(workspace, include_everything=True).parts) == 5
    (workspace / ".ovsealignore").write_text("net.*\n")
    assert [part.path for part in ovseal.plan(workspace).parts] == ["notes.md"]
    ovseal.seal(workspace, tmp_path / "m.ovseal", recipients=key, exclude="*.md", include_everything=True)
    with ovseal.open(tmp_path / "m.ovseal", key=key, publisher=ovseal.ANY_SENDER) as opened:
        assert sorted(part.path for part in opened) == [".git/config", ".ovsealignore", "net.bin", "net.xml", "old.ovseal"]
    for wrong in ("!net.xml", ""):
        with pytest.raises(ovseal.UsageError, match="is not a pattern"):
            ovseal.plan(workspace, exclude=wrong)


def test_keys_in_a_models_directory_are_not_sealed(workspace, tmp_path):
    ovseal.generate_keyfile(workspace / "key")
    ovseal.generate_publisher(workspace / "acme.key", tmp_path / "acme.pub")
    given = ovseal.keyfile(workspace / "key")
    with pytest.raises(ovseal.UsageError, match="acme.key is a PEM private key"):
        ovseal.seal(workspace, tmp_path / "m.ovseal", recipients=given)
    (workspace / "acme.key").rename(tmp_path / "acme.key")
    with pytest.raises(ovseal.UsageError, match="probably a key file"):
        ovseal.plan(workspace)
    with pytest.raises(ovseal.UsageError, match="key was given as a key or as a list of recipients"):
        ovseal.seal(workspace, tmp_path / "m.ovseal", recipients=given, include_everything=True)
    assert not (tmp_path / "m.ovseal").exists()


def test_replace_only_replaces_containers(tmp_path):
    ovseal.generate_keyfile(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("file")
    key = ovseal.keyfile(tmp_path / "key")
    for output, words in [("key", "a key was read"), ("file", "another file"), ("link", "a symbolic link")]:
        with pytest.raises(ovseal.UsageError, match=words):
            ovseal.seal(MODELS / "mlp/model.xml", tmp_path / output, recipients=key, replace=True)
    assert (tmp_path / "key").read_bytes() == before and (tmp_path / "file").read_text() == "precious"


def test_sealing_overwrites_nothing_by_default(sealed, key, tmp_path):
    path = sealed("mlp")
    with raises(ovseal.UsageError, 208) as raised:
        ovseal.seal(MODELS / "mlp/model.xml", path, recipients=key)
    assert str(path) in str(raised.value)
    for keywords, code in [({"recipients": []}, 202), ({"recipients": key, "suite": 3}, 200), ({"recipients": key, "name": ""}, 200)]:
        with raises(ovseal.UsageError, code):
            ovseal.seal(MODELS / "mlp/model.xml", tmp_path / "new.ovseal", **keywords)
    with raises(ovseal.HostError, 101):
        ovseal.seal(tmp_path / "missing.xml", tmp_path / "new.ovseal", recipients=key)
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
    reported, path = [], sealed("mlp")
    seen = ovseal.verify(path, progress=lambda *numbers: reported.append(numbers))
    assert (seen.publisher, seen.security_version) == (None, 0)
    assert reported[-1][0] == reported[-1][1] == sum(ovseal.inspect(path).part_lengths)
    assert ovseal.verify(path, key=key).claimed_publishers == []
    for keywords in ({}, {"key": key}):
        with raises(ovseal.NotAuthenticError, 303):
            ovseal.verify(damaged, **keywords)


def test_rekeying_adds_and_removes(sealed, key):
    path = sealed("mlp")
    second = ovseal.passphrase("second")
    made = ovseal.rekey(path, key=key, add=second)
    assert (made.generation, made.stanzas) == (2, 2)
    stanzas = ovseal.inspect(path).stanzas
    assert [stanza.type for stanza in stanzas] == ["keyfile", "passphrase"]
    with raises(ovseal.HostError, 107):
        ovseal.rekey(path, key=key, remove=[0], expect_generation=1)
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


def test_an_exception_from_progress_cancels_the_operation(tmp_path, key):
    # The file is too large for any machine to seal before the first call of the callback.
    with open(tmp_path / "big", "wb") as big:
        big.truncate(3 << 30)
    (tmp_path / "small").write_bytes(bytes(64 << 20))
    ovseal.seal(tmp_path / "small", tmp_path / "sealed.ovseal", recipients=key, only=True)

    def cancel(done, total):
        raise LookupError("enough")

    for operation in (
        lambda: ovseal.seal(tmp_path / "big", tmp_path / "b.ovseal", recipients=key, only=True, progress=cancel),
        lambda: ovseal.verify(tmp_path / "sealed.ovseal", progress=cancel, threads=1),
    ):
        with pytest.raises(LookupError, match="enough"):
            operation()
    assert not (tmp_path / "b.ovseal").exists()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


INTERRUPTED = """
import os, signal, sys, threading, time, ovseal
directory = sys.argv[1]
with open(directory + "/big", "wb") as big:
    big.truncate(3 << 30)
# A shell ignores the signal in background jobs.
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    while not any(name.endswith(".partial") for name in os.listdir(directory)):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    ovseal.seal(directory + "/big", directory + "/sealed.ovseal", recipients=ovseal.keyfile(bytes(32)), only=True)
except KeyboardInterrupt:
    print(sorted(os.listdir(directory)))
"""


def test_ctrl_c_cancels_sealing_and_leaves_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.strip() == "['big']", done


def test_other_threads_run_during_long_operations(tmp_path, key):
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


def test_formats_that_openvino_reads_only_from_a_path_are_rejected(tmp_path, key):
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.seal(MODELS / "tflite/model.tflite", tmp_path / "m.ovseal", recipients=key)
    assert "--optimize" in raised.value.hint and not (tmp_path / "m.ovseal").exists()


def planted(tmp_path):
    """Seal a container, and put next to it the stanzas of a copy with another key."""
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


def test_waiting_stanzas_are_left_until_the_caller_decides(tmp_path):
    key = ovseal.keyfile(bytes(32))
    path, waiting = planted(tmp_path)
    with raises(ovseal.NotAuthenticError, 306, match="generation 2"):
        ovseal.rekey(path, key=key, add=ovseal.passphrase("third"))
    assert waiting.exists()
    with pytest.raises(ovseal.UsageError, match="waiting must be"):
        ovseal.rekey(path, key=key, waiting="ignore")
    assert ovseal.rekey(path, key=key, waiting="discard").generation == 1
    assert not waiting.exists()
    path, waiting = planted(tmp_path)
    finished = ovseal.rekey(path, key=key, waiting="finish")
    assert (finished.generation, [stanza.type for stanza in finished.added]) == (2, ["passphrase"])
    assert not waiting.exists()


def test_the_caller_can_change_the_limit_of_key_derivation(tmp_path):
    (tmp_path / "n.bin").write_bytes(b"weights")
    path = tmp_path / "n.ovseal"
    ovseal.seal(tmp_path / "n.bin", path, recipients=ovseal.passphrase("words"))
    key = ovseal.passphrase("words")
    for call in (ovseal.open, ovseal.verify, ovseal.rekey):
        keywords = {"remove": [5]} if call is ovseal.rekey else {}
        with raises(ovseal.NoMatchingKeyError, 402, match="256 MiB"):
            call(path, key=key, kdf_limit=255, **keywords)
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
        with raises(ovseal.DeniedError, 502):
            ovseal.open(path, key=key, publisher=publisher)
    assert not ovseal.verify(path, publisher={"net": acme}).content_verified
    assert ovseal.verify(path, key=key, publisher=acme).content_verified

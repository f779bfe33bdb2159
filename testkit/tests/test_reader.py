"""Tests every vector with the reader, and properties of all containers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import reader
from make_vectors import LEASE_MODULES, LICENSE_MODULES, TPM_MODULES, make_all
from reader import EXIT_CODES, Failure, open_container
from vectormaker.container import KEYFILE, PLACE, Container, Part, side_file
from vectormaker.publishers import ACME, CLASSICAL, MALLORY
from vectormaker.stanzas import flipped, unknown

TESTKIT = Path(__file__).parents[1]
VECTORS = TESTKIT / "vectors"
RECORDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob("*.json"))}
OWN_KEY = ("keyfile", KEYFILE)
TPM_VECTORS = TESTKIT / "vectors-tpm"
TPM_RECORDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(TPM_VECTORS.glob("*.json"))}
LICENSE_VECTORS, LEASE_VECTORS = TESTKIT / "vectors-license", TESTKIT / "vectors-lease"
LICENSE_RECORDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(LICENSE_VECTORS.glob("*.json"))}


def key_of(record):
    if "share" in record["key"]:
        return "share", bytes.fromhex(record["key"]["share"]) + record["key"].get("passphrase", "").encode()
    if "release" in record["key"]:
        return "release", "\n".join(f"{key['kem']} {key['private']}" for key in record["key"]["release"]).encode()
    (kind, value), = record["key"].items()
    is_hex = kind in ("keyfile", "passphrase_hex")
    return kind.removesuffix("_hex"), bytes.fromhex(value) if is_hex else value.encode()


def open_vector(name):
    record = RECORDS[name]
    publishers = [(VECTORS / record["publisher"]).read_text()] if record["publisher"] else []
    demands = record["name"], record.get("min_security_version")
    return open_container(VECTORS / f"{name}.ovseal", key_of(record), publishers, *demands)


def outcome(path, key=OWN_KEY, *publishers):
    try:
        open_container(path, key, publishers)
    except Failure as failure:
        return failure.kind
    return "opened"


@pytest.mark.parametrize("name", RECORDS)
def test_vector_has_the_expected_outcome(name):
    record = RECORDS[name]
    if record["expect"] == "opened":
        opened = open_vector(name)
        del opened["hints"]
        assert opened == {key: record[key] for key in ("model_name", "security_version", "parts")}
        return
    with pytest.raises(Failure) as failure:
        open_vector(name)
    assert failure.value.kind == record["expect"], failure.value


@pytest.mark.parametrize("name", TPM_RECORDS)
def test_vector_for_a_tpm_has_the_expected_outcome(name, monkeypatch):
    record, ran, argon2 = TPM_RECORDS[name], [], reader.hash_secret_raw
    monkeypatch.setattr(reader, "hash_secret_raw", lambda *arguments: (ran.append(1), argon2(*arguments))[1])
    try:
        opened = open_container(TPM_VECTORS / f"{name}.ovseal", key_of(record))
    except Failure as failure:
        assert failure.kind == record["expect"], failure
    else:
        assert opened["parts"] == record["parts"]
    assert not ran or "-kdf-" not in name


@pytest.mark.parametrize("name", LICENSE_RECORDS)
def test_vector_for_a_licence_has_the_expected_outcome(name):
    record = LICENSE_RECORDS[name]
    try:
        opened = open_container(LICENSE_VECTORS / f"{name}.ovseal", key_of(record))
    except Failure as failure:
        assert failure.kind == record["expect"], failure
    else:
        assert (record["expect"], opened["parts"]) == ("opened", record["parts"])


COMMANDS = ["passphrase-final-crlf", "passphrase-not-utf-8", "x-wing", "ir-folder", "chunks-swapped", "wrong-keyfile", "signed",
            "signed-by-another", "name-wrong", "security-version-under", "name-without-publisher", "text-file", "suite-3"]


@pytest.mark.parametrize("name", COMMANDS)
def test_command_reports_exit_code_and_one_word(name, tmp_path):
    record = RECORDS[name]
    kind, secret = key_of(record)
    (tmp_path / "secret").write_bytes(secret)
    options = [kind, tmp_path / "secret"]
    for option, value in (("--publisher", record["publisher"] and VECTORS / record["publisher"]), ("--name", record["name"]),
                          ("--min-security-version", record.get("min_security_version"))):
        options += [option, str(value)] if value is not None else []
    run = subprocess.run([sys.executable, TESTKIT / "reader.py", VECTORS / f"{name}.ovseal", *options], capture_output=True, text=True)
    if record["expect"] == "opened":
        assert (run.returncode, json.loads(run.stdout)["parts"]) == (0, record["parts"])
    else:
        assert (run.returncode, run.stdout, run.stderr) == (EXIT_CODES[record["expect"]], "", record["expect"] + "\n")


@pytest.mark.parametrize("name", [name for name in RECORDS if name.startswith("kdf-")])
def test_no_key_derivation_runs_beyond_its_limits(name, monkeypatch):
    ran = []
    monkeypatch.setattr(reader, "hash_secret_raw", lambda *arguments: ran.append(arguments))
    try:
        open_vector(name)
    except Failure as failure:
        assert failure.kind == RECORDS[name]["expect"]
    assert ran == []


SMALLEST = "empty-part"


@pytest.mark.parametrize("name, publisher", [(SMALLEST, None), ("signed", "acme.pub")])
def test_no_flipped_byte_opens(name, publisher, tmp_path):
    path = tmp_path / "flipped.ovseal"
    path.write_bytes((VECTORS / f"{name}.ovseal").read_bytes())
    publishers = [(VECTORS / publisher).read_text()] if publisher else []
    assert outcome(path, OWN_KEY, *publishers) == "opened"
    assert "opened" not in {outcome(path, OWN_KEY, *publishers) for _ in flips(path)}


def flips(path):
    """Flips a bit in each byte in turn, in place: writing thousands of files would take minutes."""
    with open(path, "r+b", buffering=0) as file:
        for position, byte in enumerate(path.read_bytes()):
            for value in byte ^ 1 << position % 8, byte:
                file.seek(position)
                file.write(bytes([value]))
                if value != byte:
                    yield position


def test_no_truncation_opens(tmp_path):
    data, path, kinds = (VECTORS / f"{SMALLEST}.ovseal").read_bytes(), tmp_path / "cut.ovseal", {}
    path.write_bytes(data)
    assert outcome(path) == "opened"
    for length in range(len(data) - 1, -1, -1):
        with open(path, "r+b") as file:
            file.truncate(length)
        kinds[length] = outcome(path)
    assert kinds == {length: "not-a-container" if length < 8 else "not-authentic" for length in kinds}


@pytest.mark.parametrize("name, suffix, expected", [("side-file", ".keys", {"not-authentic"}), ("rekey-newer", ".rekey", {"no-key-fits"}), ("rekey-2-newer", ".rekey", {"no-key-fits"}),
                                                    ("rekey-region-damaged", ".rekey", {"not-authentic"})])
def test_no_flipped_byte_next_to_a_container_opens(name, suffix, expected, tmp_path):
    path, beside = tmp_path / f"{name}.ovseal", tmp_path / f"{name}.ovseal{suffix}"
    path.write_bytes((VECTORS / path.name).read_bytes())
    key = key_of(RECORDS[name])
    beside.write_bytes((VECTORS / beside.name).read_bytes())
    assert outcome(path, key) == "opened"
    assert {outcome(path, key) for _ in flips(beside)} == expected


@pytest.mark.parametrize("name, expected", [("rekey-2-newer", True), ("rekey-2-mac-wrong", False), ("rekey-newer", False)])
def test_a_rekeying_file_belongs_to_one_region_and_one_place(name, expected):
    path, key = VECTORS / f"{name}.ovseal", reader.read_key(*key_of(RECORDS[name]))
    with open(path, "rb") as file:
        prologue = reader.read_prologue(file)
        own = reader.parse_stanzas(reader.read(file, prologue.region, 4096))
    secret = reader.find_secret(reader.read_regions(open(path, "rb"), prologue, str(path)), [], key, prologue)
    is_of = lambda replaced, place: reader.is_of(f"{path}.rekey", prologue, secret, replaced, place)
    assert is_of(own.mac, PLACE) == expected
    assert not any(is_of(own.mac, flipped(PLACE, at)) for at in range(20)) and not is_of(bytes(32), PLACE)


def test_files_next_to_the_target_of_a_link_are_used_not_those_next_to_the_link(tmp_path):
    link = tmp_path / "link.ovseal"
    link.symlink_to(VECTORS / "rekey-newer.ovseal")
    (tmp_path / "link.ovseal.keys").write_bytes(b"")
    assert outcome(link, key_of(RECORDS["rekey-newer"])) == "opened"


def test_regions_are_read_again_if_none_can_be_parsed(monkeypatch):
    parse_stanzas, failures = reader.parse_stanzas, ["damaged at the first reading"]

    def parse_later(raw):
        reader.check(not failures, failures and failures.pop())
        return parse_stanzas(raw)

    monkeypatch.setattr(reader, "parse_stanzas", parse_later)
    assert outcome(VECTORS / f"{SMALLEST}.ovseal") == "opened"


def test_a_side_file_of_more_than_1_mib_is_rejected(tmp_path):
    container, path = Container("side file limit"), tmp_path / "m.ovseal"
    path.write_bytes(container.build())
    for stanzas, expected in (32, "opened"), (65, "not-authentic"):
        data = side_file(container, [unknown("grease", b"", bytes(16373))] * stanzas)
        (tmp_path / "m.ovseal.keys").write_bytes(data)
        assert (outcome(path), len(data) > 2**20) == (expected, expected != "opened")


def test_a_chunk_in_the_place_of_another_is_not_authentic(tmp_path):
    part, path = Part("model.bin", "weights", bytes(2 * 65536)), tmp_path / "repeated.ovseal"
    path.write_bytes(Container("repeated", [part], chunks=lambda chunks: [chunks[0][:1] * 2]).build())
    assert outcome(path) == "not-authentic"


@pytest.mark.parametrize("case, trusted, expected", [
    ("both", [ACME, CLASSICAL], "opened"), ("both", [MALLORY, CLASSICAL], "opened"), ("both", [MALLORY], "denied"),
    ("half", [ACME], "denied"), ("half", [ACME, CLASSICAL], "opened"), ("wrong", [CLASSICAL], "opened"),
    ("wrong", [ACME], "not-authentic"), ("wrong", [CLASSICAL, ACME], "opened")])
def test_of_several_publishers_one_complete_set_is_enough(case, trusted, expected, tmp_path):
    """ACME and CLASSICAL sign the container; of ACME's signatures, one is missing or wrong."""
    change = {"both": lambda own: own, "half": lambda own: own[:1], "wrong": lambda own: [[*own[0][:2], flipped(own[0][2])], own[1]]}[case]

    def entries(right):
        own = [entry for entry in right if entry[0] == ACME.key_id]
        return sorted(change(own) + [entry for entry in right if entry not in own])

    path = tmp_path / "signed.ovseal"
    path.write_bytes(Container("several publishers", publishers=[ACME, CLASSICAL], entries=entries).build())
    assert outcome(path, OWN_KEY, *[publisher.pem() for publisher in trusted]) == expected


def test_a_file_of_identities_may_hold_several_and_comments():
    good = RECORDS["x25519"]["key"]["identity"]
    identities = f"# a comment\n\n{RECORDS['x-wing']['key']['identity']}\n{good}\n"
    assert outcome(VECTORS / "x25519.ovseal", ("identity", identities.encode())) == "opened"


def test_damaged_identities_and_lower_case_are_usage():
    good = RECORDS["x-wing"]["key"]["identity"]
    damaged = [good[:at] + ("Q" if good[at] != "Q" else "P") + good[at + 1 :] for at in range(len(good))]
    for text in [*damaged, good.lower(), good[:20] + good[20:].lower(), "# none\n"]:
        assert outcome(VECTORS / "x-wing.ovseal", ("identity", text.encode())) == "usage", text


def test_a_damaged_publisher_file_is_usage():
    pem = ACME.pem()
    for text in ("", pem[:-30], pem + pem, pem.replace("PUBLIC", "PRIVATE"), pem.replace("MC", "!!", 1)):
        assert outcome(VECTORS / "signed.ovseal", OWN_KEY, text) == "usage"


def test_vectors_are_reproducible(tmp_path):
    for name, folder, *modules in (("all", VECTORS), ("tpm", TPM_VECTORS, TPM_MODULES),
                                 ("license", LICENSE_VECTORS, LICENSE_MODULES), ("lease", LEASE_VECTORS, LEASE_MODULES)):
        made = tmp_path / name
        made.mkdir()
        make_all(made, *modules)
        assert contents(made) == contents(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}

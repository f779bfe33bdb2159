"""Tests every vector of the licence protocol with the reader."""

import json
from pathlib import Path

import lease_reader
import pytest
from license_reader import read_kem_key
from reader import Failure
from vectormaker.message_vector import plain

VECTORS = Path(__file__).parents[1] / "vectors-lease"
RECORDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob("*.json"))}


def read_service_file(data, given):
    return lease_reader.read_service_file(data, (VECTORS / given["publisher"]).read_text())


def read_lease(data, given, keys):
    found = lease_reader.read_lease(data, keys)
    for case in given.get("states", ()):
        listed = lease_reader.read_revocations(bytes.fromhex(given["revocations"]), keys)["value"]
        assert lease_reader.state_of(found["value"], listed, case["now"], bytes.fromhex(case["context"])) == case["state"], case
    return found


def read_answer(data, given):
    service = read_service_file(bytes.fromhex(RECORDS[given["service"]]["bytes"]), given)
    listed = lease_reader.read_revocations(bytes.fromhex(given["revocations"]), service["lease_keys"])["value"]
    key = read_kem_key(given["kem"], bytes.fromhex(given["private"]))
    return lease_reader.read_answer(data, service, bytes.fromhex(given["request"]), given["level"], given["server_epoch"], listed, key)


def read_return(data, given):
    service = read_service_file(bytes.fromhex(RECORDS[given["service"]]["bytes"]), given)
    listed = lease_reader.read_revocations(bytes.fromhex(given["revocations"]), service["lease_keys"])["value"]
    request, ended, *licences = map(bytes.fromhex, (given["request"], given["ended"], *given["kept"]))
    return lease_reader.read_return(data, service, request, ended, licences, given["level"], given["server_epoch"], listed)


def read(record):
    data, given, kind = bytes.fromhex(record["bytes"]), record["given"], record["object"]
    keys = [bytes.fromhex(key) for key in given.get("keys", ())]
    if kind in ("lease-request", "return-request"):
        return lease_reader.read_request(data, kind)
    if kind == "message":
        device_key, activation_key = (bytes.fromhex(given[key]) for key in ("device_key", "activation_key"))
        return lease_reader.read_message(data, given["purpose"], device_key, activation_key)
    if kind == "enrol-start":
        return lease_reader.read_enrol_start(data, bytes.fromhex(given["activation_key"]), bytes.fromhex(given["service_id"]))
    if kind == "enrol-finish":
        return lease_reader.read_enrol_finish(data, bytes.fromhex(given["device_key"]))
    if kind in ("revocations", "receipt", "enrolment", "checkpoint"):
        return getattr(lease_reader, f"read_{kind}")(data, keys)
    if kind == "lease":
        return read_lease(data, given, keys)
    if kind in ("service-file", "answer", "return"):
        return {"service-file": read_service_file, "answer": read_answer, "return": read_return}[kind](data, given)
    return getattr(lease_reader, "read_" + kind.replace("-", "_"))(data)


@pytest.mark.parametrize("name", RECORDS)
def test_message_has_the_expected_outcome(name):
    record = RECORDS[name]
    try:
        found = read(record)
    except Failure as failure:
        assert failure.kind == record["expect"], failure
    else:
        assert record["expect"] == "valid"
        assert {key: plain(found[key]) for key in record["fields"]} == record["fields"]


@pytest.mark.parametrize("name", ["service-good", "sign1-next-key", "revocations-good", "receipt-good", "enrolment-good", "message-good"])
def test_no_flipped_bit_is_valid(name):
    record = RECORDS[name]
    data = bytearray.fromhex(record["bytes"])
    for at in range(0, len(data), 1 if len(data) < 2000 else 97):
        data[at] ^= 1 << at % 8
        with pytest.raises(Failure):
            read(record | {"bytes": data.hex()})
        data[at] ^= 1 << at % 8

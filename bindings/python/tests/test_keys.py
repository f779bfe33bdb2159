"""Keys: what opens what, and that nothing of them is shown."""

import pickle
from contextlib import nullcontext

import openvino
import ovseal
import pytest
from conftest import MODELS

SECRET = "correct horse battery staple"


def seal_to(path, *recipients, **options):
    ovseal.seal(MODELS / "mlp/model.xml", path, recipients=list(recipients), **options)
    return path


@pytest.fixture
def pair(tmp_path):
    recipient = ovseal.generate_identity(tmp_path / "device.key")
    return ovseal.identity(tmp_path / "device.key"), recipient


def test_each_kind_of_key_opens_what_was_sealed_to_it_and_no_other(tmp_path, pair):
    identity, recipient = pair
    ovseal.generate_keyfile(tmp_path / "keyfile")
    keys = [
        (ovseal.passphrase(SECRET), ovseal.passphrase(SECRET)),
        (ovseal.keyfile(tmp_path / "keyfile"), ovseal.keyfile((tmp_path / "keyfile").read_bytes())),
        (ovseal.recipient(recipient), identity),
        (recipient, ovseal.identity((tmp_path / "device.key").read_bytes())),
    ]
    for number, (sealing, opening) in enumerate(keys):
        path = seal_to(tmp_path / f"{number}.ovseal", sealing)
        with pytest.warns(ovseal.UnknownSenderWarning) if number > 1 else nullcontext():
            with ovseal.open(path, key=[ovseal.keyfile(bytes(32)), opening]) as sealed:
                assert sealed.name == "model"
        with pytest.raises(ovseal.NoMatchingKeyError) as raised:
            ovseal.open(path, key=ovseal.passphrase("another"))
        assert (raised.value.code, raised.value.kind) == (400, "no-key-fits")
        assert raised.value.hint.startswith("the container takes")


def test_the_warning_of_an_unknown_sender_is_the_callers(tmp_path, pair):
    identity, recipient = pair
    path = seal_to(tmp_path / "m.ovseal", recipient)
    for call in (ovseal.open, lambda path, key: ovseal.read_model(openvino.Core(), path, key=key)):
        with pytest.warns(ovseal.UnknownSenderWarning) as warned:
            call(path, key=identity)
        assert [each.filename for each in warned if each.category is ovseal.UnknownSenderWarning] == [__file__]


def test_a_key_service_of_the_callers_wraps_and_unwraps(tmp_path):
    seen, told = [], []

    def wrap(secret, context):
        assert isinstance(secret, bytearray)
        seen.append(secret)
        told.append(context)
        return b"vault:" + bytes(byte ^ 0x5A for byte in secret)

    def unwrap(wrapped, context):
        told.append(context)
        return bytes(byte ^ 0x5A for byte in wrapped[6:]) if wrapped.startswith(b"vault:") else None

    path = seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=wrap))
    assert seen[0] == bytes(32), "the secret is zeroized when the call-back has returned"
    # Whoever may call the service may have sealed it.
    with pytest.warns(ovseal.UnknownSenderWarning):
        with ovseal.open(path, key=ovseal.callback(unwrap=unwrap)) as sealed:
            assert "model.xml" in sealed
            ids = sealed.container_id, ovseal.inspect(path).model_id
    assert [(each.container_id, each.model_id) for each in told] == [ids, ids]
    assert told[0].associated_data == bytes.fromhex("".join(ids))
    with pytest.raises(ovseal.NoMatchingKeyError):
        ovseal.open(path, key=ovseal.callback(unwrap=lambda wrapped, context: None))


def handle(secret, context):
    """Wraps as a service that does not protect anything."""
    return bytes(secret)


def test_what_a_call_back_raises_is_the_cause(tmp_path):
    def refuse(secret, context):
        raise PermissionError("vault is sealed")

    with pytest.raises(ovseal.HostError) as raised:
        seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=refuse))
    assert raised.value.code == 104
    assert raised.value.causes == ("the call-back raised PermissionError",)
    assert isinstance(raised.value.__cause__, PermissionError)
    assert not (tmp_path / "m.ovseal").exists()

    path = seal_to(tmp_path / "n.ovseal", ovseal.callback(wrap=handle))
    for wrong in (lambda *_: b"short", lambda *_: "text", lambda *_: 5):
        with pytest.raises(ovseal.HostError) as raised:
            ovseal.open(path, key=ovseal.callback(unwrap=wrong))
        assert isinstance(raised.value.__cause__, (ValueError, TypeError))


def test_what_a_call_back_raises_is_the_cause_also_where_keys_are_added(tmp_path):
    def refuse(wrapped, context):
        raise PermissionError("vault is sealed")

    path = seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=lambda secret, context: bytes(40)))
    for added in (ovseal.passphrase(SECRET), ovseal.callback(wrap=lambda secret, context: bytes(40))):
        with pytest.raises(ovseal.HostError) as raised:
            ovseal.rekey(path, key=ovseal.callback(unwrap=refuse), add=added)
        assert isinstance(raised.value.__cause__, PermissionError)


def test_what_a_call_back_raised_earlier_is_the_cause_of_nothing_later(tmp_path, sealed):
    raising = [True]

    def unwrap(wrapped, context):
        if raising.pop():
            raise PermissionError("vault is sealed")

    service = ovseal.callback(wrap=handle, unwrap=unwrap)
    path = seal_to(tmp_path / "m.ovseal", service)
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.open(path, key=service)
    assert isinstance(raised.value.__cause__, PermissionError)
    with pytest.raises(ovseal.NoMatchingKeyError) as raised:
        ovseal.open(sealed("mlp"), key=service)
    assert raised.value.__cause__ is None


def test_a_call_back_that_is_sealed_to_needs_wrap(tmp_path):
    with pytest.raises(ovseal.UsageError, match="needs wrap"):
        seal_to(tmp_path / "m.ovseal", ovseal.callback(unwrap=handle))
    for wrong in ({}, {"wrap": 5}):
        with pytest.raises(TypeError):
            ovseal.callback(**wrong)


def test_new_keys_are_for_their_owner_alone_and_replace_nothing(tmp_path):
    ovseal.generate_identity(tmp_path / "a")
    ovseal.generate_keyfile(tmp_path / "b")
    ovseal.generate_publisher(tmp_path / "c.key", tmp_path / "c.pub")
    for name in ("a", "b", "c.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.generate_keyfile(tmp_path / name)
        assert raised.value.code == 208
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.generate_keyfile(tmp_path / "missing/folder")
    assert raised.value.code == 102


def test_nothing_of_a_key_is_shown(tmp_path, pair):
    text = (tmp_path / "device.key").read_text().splitlines()[-1]
    for key in (ovseal.passphrase(SECRET), pair[0], ovseal.keyfile(bytes(32))):
        assert SECRET not in repr(key) and text not in repr(key)
        with pytest.raises(TypeError):
            pickle.dumps(key)
    for wrong in (text[:-1], "AGE-SECRET-KEY-1QQQQ"):
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.recipient(wrong)
        assert raised.value.code == 201
        assert wrong not in str(raised.value)


def test_what_is_no_key_is_refused(tmp_path):
    for make, wrong in [
        (ovseal.passphrase, ""),
        (ovseal.passphrase, "x" * 1025),
        (ovseal.passphrase, b"\xff"),
        (ovseal.keyfile, bytes(31)),
        (ovseal.identity, b"# nothing"),
        (ovseal.recipient, "age1nothing"),
    ]:
        with pytest.raises(ovseal.UsageError) as raised:
            make(wrong)
        assert raised.value.code == 201
    for make in (ovseal.keyfile, ovseal.identity):
        with pytest.raises(ovseal.HostError) as raised:
            make(tmp_path / "missing")
        assert raised.value.code == 101
    for make in (ovseal.passphrase, ovseal.keyfile, ovseal.identity, ovseal.recipient):
        with pytest.raises(TypeError):
            make(5)


def test_without_a_key_the_devices_own_is_taken(tmp_path, sealed):
    with pytest.raises(ovseal.NoMatchingKeyError) as raised:
        ovseal.open(sealed("mlp"))
    assert "enroll" in raised.value.hint

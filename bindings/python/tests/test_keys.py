"""Keys open what was sealed to them, and never show their secrets."""

import os
import pickle
import subprocess
import sys
import warnings

import ovseal
import pytest
from conftest import MODELS, raises

SECRET = "correct horse battery staple"


def seal_to(path, *recipients, **options):
    ovseal.seal(MODELS / "mlp/model.xml", path, recipients=list(recipients), **options)
    return path


@pytest.fixture
def pair(tmp_path):
    recipient = ovseal.generate_identity(tmp_path / "device.key")
    return ovseal.identity(tmp_path / "device.key"), recipient


def test_each_kind_of_key_opens_only_what_was_sealed_to_it(tmp_path, pair):
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
        with ovseal.open(path, key=[ovseal.keyfile(bytes(32)), opening], publisher=ovseal.ANY_SENDER) as sealed:
            assert sealed.name == "model" and sealed.publisher is None
        with pytest.raises(ovseal.NoMatchingKeyError) as raised:
            ovseal.open(path, key=ovseal.passphrase("another"), publisher=ovseal.ANY_SENDER)
        assert (raised.value.code, raised.value.kind) == (400, "no-key-fits")
        assert raised.value.hint.startswith("the container accepts")


def calls(core):
    """Return every call that opens a container."""
    return [
        ovseal.open,
        lambda path, **options: ovseal.read_model(core, path, **options),
        lambda path, **options: ovseal.compile_model(core, path, "CPU", **options),
    ]


def test_a_container_for_a_public_key_requires_a_publisher_or_any_sender(tmp_path, pair, core):
    identity, recipient = pair
    publisher = ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    path = seal_to(tmp_path / "m.ovseal", recipient, publisher_key=tmp_path / "acme.key")
    rekey = lambda path, **options: ovseal.rekey(path, add=ovseal.passphrase(SECRET), **options)  # noqa: E731
    before = path.read_bytes()
    for call in (*calls(core), rekey):
        with raises(ovseal.UsageError, 213) as raised:
            call(path, key=identity)
        assert str(raised.value) == f"no publisher is named, and the container claims to be signed by {publisher}"
        assert "publisher=ovseal.ANY_SENDER" in raised.value.hint
    assert path.read_bytes() == before
    for call in (*calls(core), rekey):
        call(path, key=identity, publisher=tmp_path / "acme.pub")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ovseal.open(path, key=identity, publisher=ovseal.ANY_SENDER).close()
    assert repr(ovseal.ANY_SENDER) == "ovseal.ANY_SENDER"


def test_a_container_for_a_passphrase_opens_with_a_warning(tmp_path, core):
    ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    key = ovseal.passphrase(SECRET)
    for number, (signing, words) in enumerate([({}, "not signed"), ({"publisher_key": tmp_path / "acme.key"}, "signature not checked")]):
        path = seal_to(tmp_path / f"{number}.ovseal", key, **signing)
        for call in calls(core):
            with pytest.warns(ovseal.UnknownSenderWarning, match=f"^{words}: anyone for whom the container was ever sealed or rekeyed") as warned:
                call(path, key=key)
            assert __file__ in [each.filename for each in warned if each.category is ovseal.UnknownSenderWarning]


def test_a_secret_passed_as_a_path_is_rejected_and_not_shown(tmp_path, key):
    model, output = MODELS / "mlp/model.xml", tmp_path / "m.ovseal"
    for secret in ("AGE-SECRET-KEY-1QQQQ", "ab" * 32, "-----BEGIN PRIVATE KEY-----\nQQQQ\n-----END PRIVATE KEY-----\n"):
        for call in (
            ovseal.identity,
            ovseal.keyfile,
            lambda path: ovseal.seal(model, output, recipients=key, publisher_key=path),
            lambda path: ovseal.open(output, key=key, publisher=path),
        ):
            with raises(ovseal.UsageError, 201) as raised:
                call(secret)
            assert "as bytes" in raised.value.hint
            assert secret[-20:] not in repr(raised.value) + str(raised.value.__notes__)


def test_a_key_that_other_users_can_access_is_used_with_a_warning(tmp_path):
    ovseal.generate_keyfile(tmp_path / "key")
    ovseal.generate_identity(tmp_path / "device.key")
    ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    seal = lambda path: seal_to(tmp_path / "m.ovseal", ovseal.passphrase(SECRET), publisher_key=path, replace=True)  # noqa: E731
    for make, name in ((ovseal.keyfile, "key"), (ovseal.identity, "device.key"), (seal, "acme.key")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make(tmp_path / name)
        (tmp_path / name).chmod(0o644)
        with pytest.warns(ovseal.ExposedKeyWarning, match=r"key can be accessed by other users \(mode 644\)"):
            make(tmp_path / name)


def test_keys_that_cannot_be_locked_are_warned_about_once():
    script = (
        "import warnings, ovseal\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    [ovseal.passphrase('one') for _ in range(3)]\n"
        "print([(each.category.__name__, 'not locked' in str(each.message)) for each in caught])"
    )
    command = f'ulimit -l 0 && exec setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock "{sys.executable}" -c "$SCRIPT"'
    run = subprocess.run(["sh", "-c", command], env=os.environ | {"SCRIPT": script}, capture_output=True, text=True)
    assert run.stdout == "[('ExposedKeyWarning', True)]\n", run


def test_a_hardened_process_is_not_dumpable():
    script = "import ovseal; print(ovseal.doctor()['dumpable'], ovseal.harden_process(), ovseal.doctor()['dumpable'])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "True True False\n"


def test_a_key_service_wraps_and_unwraps(tmp_path):
    secrets, contexts = [], []

    def wrap(secret, context):
        assert isinstance(secret, bytearray)
        secrets.append(secret)
        contexts.append(context)
        return b"vault:" + bytes(byte ^ 0x5A for byte in secret)

    def unwrap(wrapped, context):
        contexts.append(context)
        return bytes(byte ^ 0x5A for byte in wrapped[6:]) if wrapped.startswith(b"vault:") else None

    path = seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=wrap))
    assert secrets[0] == bytes(32), "the secret is not zeroized after wrap returns"
    # Anyone who can call the service could have sealed the container.
    with pytest.raises(ovseal.UsageError, match="no publisher is named"):
        ovseal.open(path, key=ovseal.callback(unwrap=unwrap))
    with ovseal.open(path, key=ovseal.callback(unwrap=unwrap), publisher=ovseal.ANY_SENDER) as sealed:
        assert "model.xml" in sealed
        ids = sealed.container_id, ovseal.inspect(path).model_id
    assert [(each.container_id, each.model_id) for each in contexts] == [ids, ids]
    assert contexts[0].associated_data == bytes.fromhex("".join(ids))
    with pytest.raises(ovseal.NoMatchingKeyError):
        ovseal.open(path, key=ovseal.callback(unwrap=lambda wrapped, context: None), publisher=ovseal.ANY_SENDER)


def handle(secret, context):
    """Wrap as a service that protects nothing."""
    return bytes(secret)


def test_an_exception_from_a_callback_is_the_cause(tmp_path):
    def refuse(secret, context):
        raise PermissionError("vault is sealed")

    with raises(ovseal.HostError, 104) as raised:
        seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=refuse))
    assert raised.value.causes == ("the callback raised PermissionError",)
    assert isinstance(raised.value.__cause__, PermissionError)
    assert not (tmp_path / "m.ovseal").exists()

    path = seal_to(tmp_path / "n.ovseal", ovseal.callback(wrap=handle))
    for wrong in (lambda *_: b"short", lambda *_: "text", lambda *_: 5):
        with pytest.raises(ovseal.HostError) as raised:
            ovseal.open(path, key=ovseal.callback(unwrap=wrong), publisher=ovseal.ANY_SENDER)
        assert isinstance(raised.value.__cause__, (ValueError, TypeError))


def test_an_exception_from_a_callback_is_the_cause_when_keys_are_added(tmp_path):
    def refuse(wrapped, context):
        raise PermissionError("vault is sealed")

    path = seal_to(tmp_path / "m.ovseal", ovseal.callback(wrap=lambda secret, context: bytes(40)))
    for added in (ovseal.passphrase(SECRET), ovseal.callback(wrap=lambda secret, context: bytes(40))):
        with pytest.raises(ovseal.HostError) as raised:
            ovseal.rekey(path, key=ovseal.callback(unwrap=refuse), publisher=ovseal.ANY_SENDER, add=added)
        assert isinstance(raised.value.__cause__, PermissionError)


def test_an_earlier_exception_from_a_callback_is_not_the_cause(tmp_path, sealed):
    raising = [True]

    def unwrap(wrapped, context):
        if raising.pop():
            raise PermissionError("vault is sealed")

    service = ovseal.callback(wrap=handle, unwrap=unwrap)
    path = seal_to(tmp_path / "m.ovseal", service)
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.open(path, key=service, publisher=ovseal.ANY_SENDER)
    assert isinstance(raised.value.__cause__, PermissionError)
    with pytest.raises(ovseal.NoMatchingKeyError) as raised:
        ovseal.open(sealed("mlp"), key=service)
    assert raised.value.__cause__ is None


def test_a_callback_used_as_a_recipient_needs_wrap(tmp_path):
    with pytest.raises(ovseal.UsageError, match="needs wrap"):
        seal_to(tmp_path / "m.ovseal", ovseal.callback(unwrap=handle))
    for wrong in ({}, {"wrap": 5}):
        with pytest.raises(TypeError):
            ovseal.callback(**wrong)


def test_new_keys_are_private_and_replace_nothing(tmp_path):
    ovseal.generate_identity(tmp_path / "a")
    ovseal.generate_keyfile(tmp_path / "b")
    ovseal.generate_publisher(tmp_path / "c.key", tmp_path / "c.pub")
    for name in ("a", "b", "c.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        with raises(ovseal.UsageError, 208):
            ovseal.generate_keyfile(tmp_path / name)
    with raises(ovseal.HostError, 102):
        ovseal.generate_keyfile(tmp_path / "missing/keyfile")


def test_keys_do_not_show_their_secrets(tmp_path, pair):
    text = (tmp_path / "device.key").read_text().splitlines()[-1]
    for key in (ovseal.passphrase(SECRET), pair[0], ovseal.keyfile(bytes(32))):
        assert SECRET not in repr(key) and text not in repr(key)
        with pytest.raises(TypeError):
            pickle.dumps(key)
    for wrong in (text[:-1], "AGE-SECRET-KEY-1QQQQ"):
        with raises(ovseal.UsageError, 201) as raised:
            ovseal.recipient(wrong)
        assert wrong not in str(raised.value)


def test_malformed_keys_are_rejected(tmp_path):
    for make, wrong in [
        (ovseal.passphrase, ""),
        (ovseal.passphrase, "x" * 1025),
        (ovseal.passphrase, b"\xff"),
        (ovseal.keyfile, bytes(31)),
        (ovseal.identity, b"# nothing"),
        (ovseal.recipient, "age1nothing"),
    ]:
        with raises(ovseal.UsageError, 201):
            make(wrong)
    for make in (ovseal.keyfile, ovseal.identity):
        with raises(ovseal.HostError, 101):
            make(tmp_path / "missing")
    for make in (ovseal.passphrase, ovseal.keyfile, ovseal.identity, ovseal.recipient):
        with pytest.raises(TypeError):
            make(5)


def test_the_devices_own_key_is_the_default(tmp_path, sealed):
    with pytest.raises(ovseal.NoMatchingKeyError) as raised:
        ovseal.open(sealed("mlp"))
    assert "enroll" in raised.value.hint

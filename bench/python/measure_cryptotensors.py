"""Saves or loads one large tensor with cryptotensors, and prints the seconds that it took.

This uses the NumPy interface, which encrypts and decrypts with the same compiled code as the other
interfaces. Importing the packages is not measured. The tensor is mapped from the plaintext file, so
that its bytes are in the page cache only once.
"""

import base64
import os
import sys
import time

import numpy
from cryptotensors import safe_open
from cryptotensors.numpy import save_file


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


# Well-known keys, which protect nothing. The signing key is from the first test in RFC 8032,
# section 7.1.
ENCRYPTION_KEY = {"kty": "oct", "alg": "aes256gcm", "kid": "encryption", "k": encoded(bytes(range(32)))}
SIGNING_KEY = {
    "kty": "okp",
    "alg": "ed25519",
    "kid": "signing",
    "d": encoded(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")),
    "x": encoded(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")),
}
CONFIG = {"enc_key": ENCRYPTION_KEY, "sign_key": SIGNING_KEY}


def save(plaintext: str, saved: str) -> float:
    """Saves the plaintext's bytes as one tensor, and waits for the disk, as sealing does."""
    tensor = numpy.memmap(plaintext, dtype=numpy.uint8, mode="r")
    start = time.perf_counter()
    save_file({"weights": tensor}, saved, config=CONFIG)
    with open(saved, "rb") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def load(plaintext: str, saved: str) -> float:
    """Loads the tensor into separate memory."""
    start = time.perf_counter()
    with safe_open(saved, framework="np", config=CONFIG) as file:
        tensor = file.get_tensor("weights")
    seconds = time.perf_counter() - start
    if tensor.nbytes != os.path.getsize(plaintext):
        sys.exit("cryptotensors loaded another length")
    return seconds


if __name__ == "__main__":
    verb, plaintext, saved = sys.argv[1:]
    print({"save": save, "load": load}[verb](plaintext, saved))

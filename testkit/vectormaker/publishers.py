"""Section 6.3: publishers with fixed keys, their PEM files and their signatures."""

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dilithium_py.ml_dsa import ML_DSA_65

from vectormaker.primitives import fixed_bytes, sha256

ED25519, ML_DSA = 1, 2
DER_PREFIXES = {ED25519: bytes.fromhex("302a300506032b6570032100"),
                ML_DSA: bytes.fromhex("308207b2300b0609608648016503040312038207a100")}


class Publisher:
    """A publisher with keys for some algorithms, derived from `seed_name` or the name."""

    def __init__(self, name, algorithms=(ED25519, ML_DSA), seed_name=None):
        self.name, self.algorithms = name, algorithms
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(fixed_bytes(seed_name or name, "Ed25519", 32))
        self.ml_dsa_public, self.ml_dsa_secret = ML_DSA_65.key_derive(fixed_bytes(seed_name or name, "ML-DSA-65", 32))
        self.key_id = sha256(b"ovseal/v1/publisher\0" + b"".join(self.der(number) for number in sorted(algorithms)))

    def der(self, algorithm):
        raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        public = self.ed25519.public_key().public_bytes(*raw) if algorithm == ED25519 else self.ml_dsa_public
        return DER_PREFIXES[algorithm] + public

    def pem(self):
        """Returns the PEM blocks in the order of `algorithms`."""
        blocks = []
        for algorithm in self.algorithms:
            text = base64.b64encode(self.der(algorithm)).decode()
            lines = [text[at : at + 64] for at in range(0, len(text), 64)]
            blocks += ["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----"]
        return "\n".join(blocks) + "\n"

    def sign(self, statement, algorithms=None):
        """Returns the entries of the signature array in ascending order of algorithms."""
        message = b"ovseal/v1/statement\0" + statement
        return [[self.key_id, number, self.sign_one(message, number)] for number in sorted(algorithms or self.algorithms)]

    def sign_one(self, message, algorithm):
        if algorithm == ED25519:
            return self.ed25519.sign(message)
        return ML_DSA_65.sign(self.ml_dsa_secret, message, deterministic=True)


ACME = Publisher("acme")
MALLORY = Publisher("mallory")
CLASSICAL = Publisher("classical", (ED25519,))
ACME_STRIPPED = Publisher("acme-stripped", (ED25519,), "acme")
ACME_REVERSED = Publisher("acme-reversed", (ML_DSA, ED25519), "acme")
ALL = [ACME, MALLORY, CLASSICAL, ACME_STRIPPED, ACME_REVERSED]

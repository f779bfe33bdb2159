"""The names of fixtures, methods and measures for readers, in the order of the tables."""

# Each fixture: title, and a short title for columns and lists.
FIXTURES = {
    "resnet50": ("ResNet-50, fp32", "ResNet-50"),
    "resnet50-onnx": ("ResNet-50, fp32, ONNX", "ResNet-50 ONNX"),
    "bert": ("BERT-base, fp16", "BERT"),
    "decoder-int8": ("1.1-billion decoder, int8", "decoder int8"),
    "decoder-int4": ("1.1-billion decoder, int4", "decoder int4"),
}

METHODS = {
    # load
    "plaintext": "plaintext",
    "plaintext-cached": "plaintext, OpenVINO's cache",
    "eager-any": "ovseal, eager, any sender",
    "eager-publisher": "ovseal, eager, named publisher",
    "forbidden-publisher": "ovseal, userfaultfd forbidden, named publisher",
    "overlapped-any": "ovseal, overlapped, any sender",
    "overlapped-publisher": "ovseal, overlapped, named publisher",
    "cached-any": "ovseal, sealed cache, any sender",
    "cached-publisher": "ovseal, sealed cache, named publisher",
    "script": "Python script",
    "gocryptfs": "gocryptfs",
    # container
    "memcpy": "`memcpy`",
    "pread": "`pread` from the page cache",
    "aes_ring": "AES-256-GCM alone, `ring`",
    "aes_aws_lc": "AES-256-GCM alone, `aws-lc-rs`",
    "blake3": "BLAKE3 alone",
    "pread_aes": "`pread`, then AES-GCM",
    "pread_blake3_aes": "`pread`, BLAKE3 and AES-GCM in series",
    "open_any_1": "ovseal, any sender, 1 thread",
    "open_any_2": "ovseal, any sender, 2 threads",
    "open_publisher_1": "ovseal, named publisher, 1 thread",
    "open_publisher_2": "ovseal, named publisher, 2 threads",
    "open_any_fresh": "ovseal, any sender, 2 threads, fresh memory",
    "open_publisher_fresh": "ovseal, named publisher, 2 threads, fresh memory",
    "range_4k": "ovseal, random ranges of 4 KiB",
    "range_1m": "ovseal, random ranges of 1 MiB",
    "write_fsync": "`fallocate`, `write` and `fsync` alone",
    "seal_1": "ovseal, sealing, 1 thread",
    "seal_2": "ovseal, sealing, 2 threads",
    "age_encrypt": "age 0.11.5, encrypting in memory",
    "age_decrypt": "age 0.11.5, decrypting in memory",
    "cryptotensors_save": "cryptotensors 0.2.3, saving and `fsync`",
    "cryptotensors_load": "cryptotensors 0.2.3, loading",
    # tpm
    "keyfile": "key file",
    "tpm": "TPM",
    "tpm_bound": "TPM, PCR values for key and stanza, an epoch",
    "tpm_approved": "TPM, an approved state",
    "rollback_state": "key file, rollback state under the TPM",
    # bindings
    "rust": "Rust",
    "cpp": "C++",
    "python": "Python",
}

# The method that measures each AES-GCM library in `container`.
PROVIDERS = {"ring": "aes_ring", "aws-lc-rs": "aes_aws_lc"}

MEASURES = {
    "compiled": "time to the compiled model",
    "first-inference": "time to the first inference",
    "cpu": "processor time",
    "peak": "peak memory",
    "settled": "settled memory",
    "least": "least memory limit",
    "pressed": "time to the first inference under 1.15 times the plaintext's least limit",
}

def pair_title(pair):
    return " / ".join(METHODS[method].removeprefix("ovseal, ") for method in pair.split(" / "))


LOAD_PAIRS = [
    "eager-any / plaintext",
    "eager-publisher / plaintext",
    "overlapped-any / plaintext",
    "overlapped-publisher / plaintext",
    "forbidden-publisher / plaintext",
    "cached-any / plaintext",
    "cached-publisher / plaintext",
    "cached-any / plaintext-cached",
    "cached-publisher / plaintext-cached",
    "plaintext-cached / plaintext",
    "script / plaintext",
    "gocryptfs / plaintext",
    "overlapped-any / script",
    "overlapped-publisher / script",
    "overlapped-publisher / gocryptfs",
    # The last three show the cost of digests.
    "eager-publisher / eager-any",
    "overlapped-publisher / overlapped-any",
    "cached-publisher / cached-any",
]

MEMORY_PAIRS = [
    "overlapped-publisher / plaintext",
    "eager-publisher / plaintext",
    "cached-publisher / plaintext-cached",
    "script / plaintext",
]

# The ratios that are taken within each round. `aes` is the library that ovseal chooses.
PAIRS = {
    "load": {pair: pair_title(pair) for pair in LOAD_PAIRS},
    "memory": {pair: pair_title(pair) for pair in MEMORY_PAIRS},
    "container": {
        "open_any_1 / aes": "1 thread, any sender / AES-GCM alone",
        "open_any_1 / pread_aes": "1 thread, any sender / `pread`, then AES-GCM",
        "open_any_2 / open_any_1": "2 threads / 1 thread, any sender",
        "open_publisher_1 / pread_blake3_aes": "1 thread, named publisher / `pread`, BLAKE3 and AES-GCM in series",
        "open_publisher_2 / open_publisher_1": "2 threads / 1 thread, named publisher",
        "open_any_1 / age_decrypt": "1 thread, any sender / age decrypting",
        "open_publisher_fresh / cryptotensors_load": "named publisher, fresh memory / cryptotensors loading",
        "open_any_fresh / cryptotensors_load": "any sender, fresh memory / cryptotensors loading",
        "seal_2 / write_fsync": "sealing, 2 threads / `fallocate`, `write` and `fsync` alone",
        "seal_2 / age_encrypt": "sealing to the disk, 2 threads / age encrypting in memory",
        "seal_2 / cryptotensors_save": "sealing, 2 threads / cryptotensors saving",
    },
    "tpm": {},
    "bindings": {"cpp / rust": "C++ / Rust", "python / rust": "Python / Rust"},
}

SENDERS = {"any": "any sender", "publisher": "named publisher"}

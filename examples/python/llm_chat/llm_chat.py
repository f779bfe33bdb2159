"""Chat with a language model from a sealed directory.

    ovseal seal llama-ov -o llama.ovseal -R device.recipient --publisher-key acme.key
    python llm_chat.py llama.ovseal --identity device.key --publisher acme.pub

Seal the directory that OpenVINO GenAI would load, unchanged.
"""

import argparse
import sys

import openvino_genai
import ovseal
from ovseal import genai


def keys(options: argparse.Namespace) -> ovseal.Key | None:
    if options.keyfile:
        return ovseal.keyfile(options.keyfile)
    return ovseal.identity(options.identity) if options.identity else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--keyfile", metavar="F")
    parser.add_argument("--identity", metavar="F")
    parser.add_argument("--publisher", metavar="F")
    parser.add_argument("--max-new-tokens", type=int, default=200)
    options = parser.parse_args()
    try:
        pipeline = genai.LLMPipeline(options.model, options.device, key=keys(options), publisher=options.publisher)
    except ovseal.Error as error:
        sys.exit(f"{error}\n{error.hint or ''}")
    history = openvino_genai.ChatHistory()
    for line in sys.stdin:
        history.append({"role": "user", "content": line.strip()})
        answer = pipeline.generate(history, max_new_tokens=options.max_new_tokens, streamer=write)
        history.append({"role": "assistant", "content": answer.texts[0]})
        print()


def write(piece: str) -> openvino_genai.StreamingStatus:
    print(piece, end="", flush=True)
    return openvino_genai.StreamingStatus.RUNNING


if __name__ == "__main__":
    main()

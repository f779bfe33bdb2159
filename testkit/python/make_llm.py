"""Writes a tiny language model for OpenVINO GenAI: python make_llm.py OUTDIR

It has Llama's architecture with seeded weights, and a tokenizer trained on the text below. The
result is committed in testkit/llm because making it requires PyTorch; testkit/llm/README.md lists
the packages.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WIDTH, LAYERS, HEADS, VOCABULARY = 32, 2, 4, 384
SPECIAL = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"]
TEXT = (
    "A publisher seals a model into one file, encrypted, authenticated and signed, which stays sealed on every disk.",
    "The application opens it at run time: decrypted only in memory, handed to the runtime from there.",
    "Whoever has the container without a key can neither read the model nor change, cut or mix it unnoticed.",
    "The quick brown fox jumps over the lazy dog. 0123456789 what is the weather like today?",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
RANK = 4


def tokenizer():
    """Trains a byte-level tokenizer, which can encode any text."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(TEXT, trainer)
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=trained, chat_template=CHAT_TEMPLATE, **special)


def network(tokens):
    """Makes the network, with weights large enough to make the most likely token unambiguous."""
    torch.manual_seed(20)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS // 2,
        max_position_embeddings=512,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        initializer_range=0.3,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    model.generation_config = GenerationConfig(
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        max_new_tokens=24,
        do_sample=False,
    )
    return model


def adapter(path):
    """Writes a LoRA adapter for all query and value projections, with the names that PEFT uses."""
    rng, matrices = np.random.default_rng(21), {}
    for layer in range(LAYERS):
        for name, width in (("q_proj", WIDTH), ("v_proj", WIDTH // 2)):
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            matrices[f"{prefix}.lora_A.weight"] = rng.standard_normal((RANK, WIDTH), dtype=np.float32)
            matrices[f"{prefix}.lora_B.weight"] = rng.standard_normal((width, RANK), dtype=np.float32)
    save_file(matrices, path)


def export(source, folder):
    """Converts the network, tokenizer and detokenizer with optimum-intel."""
    command = ["export", "openvino", "--model", source, "--task", "text-generation-with-past", "--weight-format", "fp16"]
    program = Path(sys.executable).with_name("optimum-cli")
    subprocess.run([program, *command, folder], check=True)


def main(folder):
    with tempfile.TemporaryDirectory() as source:
        tokens = tokenizer()
        tokens.save_pretrained(source)
        network(tokens).save_pretrained(source)
        shutil.rmtree(folder, ignore_errors=True)
        export(source, folder)
    adapter(Path(folder) / "adapter.safetensors")


if __name__ == "__main__":
    main(sys.argv[1])

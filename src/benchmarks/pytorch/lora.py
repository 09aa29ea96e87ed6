"""LoRA beside frozen linear layers, written out: W x + B (A x)."""

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

FACTOR_A, FACTOR_B = ".lora_A.weight", ".lora_B.weight"


class LoraLinear(nn.Module):
    def __init__(self, base, a, b):
        super().__init__()
        self.base, self.a, self.b = base, nn.Parameter(a), nn.Parameter(b)

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.a), self.b)


def add_lora(network, component, path):
    """Adapts a network as a file in diffusers' layout says, with alpha = rank; gives the trained parameters."""
    tensors = load_file(path)
    modules = [name.removesuffix(FACTOR_A) for name in tensors if name.endswith(FACTOR_A)]
    parameters = []
    for name in modules:
        parent, _, leaf = name.removeprefix(f"{component}.").rpartition(".")
        parent = network.get_submodule(parent)
        adapted = LoraLinear(getattr(parent, leaf), tensors[name + FACTOR_A], tensors[name + FACTOR_B])
        setattr(parent, leaf, adapted)
        parameters += [adapted.a, adapted.b]
    return parameters

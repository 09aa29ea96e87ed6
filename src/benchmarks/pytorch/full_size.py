"""The process of PyTorch's side of the full-size benchmark: the same work as full_size/worker.ts does.

The argument is the job as JSON (see full_size/job.ts); the last line on stdout is the reply. Float32; the network's, the
decoder's and the backbone's blocks are checkpointed; the adversarial gradient goes back to the LoRA by one vector-Jacobian
product for each trained call, so no graph of the roll-out is kept.
"""

import json
import sys
import time

import diffusers
import torch
import torch.nn.functional as F
from discriminator import Features, TwinDiscriminator, augment
from lora import add_lora
from safetensors.torch import load_file
from training import adamw
from worker import peak_bytes


class Inputs:
    """What the tuning's own process wrote; images and latents NCHW."""

    def __init__(self, folder):
        tensors = load_file(f"{folder}/inputs.safetensors")
        self.tensors = {name: x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x for name, x in tensors.items()}

    def __getitem__(self, name):
        return self.tensors[name]

    def below(self, prefix):
        return {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}


def load_network(folder, names):
    """The first of some components of a pipeline that is there, and its name."""
    for name in names:
        try:
            with open(f"{folder}/{name}/config.json") as file:
                kind = getattr(diffusers, json.load(file)["_class_name"])
        except FileNotFoundError:
            continue
        network = kind.from_pretrained(f"{folder}/{name}", torch_dtype=torch.float32)
        return network.requires_grad_(False), name


class Tuning:
    def __init__(self, files, numbers):
        self.files, self.numbers, self.settings = files, numbers, numbers["settings"]
        self.inputs = Inputs(files)
        self.network, self.component = load_network(numbers["pipeline"], ["unet", "transformer"])
        self.vae, _ = load_network(numbers["pipeline"], ["vae"])
        self.features = Features(numbers["backbone"], numbers["blocks"])
        self.discriminator = TwinDiscriminator(f"{files}/discriminator")
        self.lora = add_lora(self.network, self.component, f"{files}/lora/pytorch_lora_weights.safetensors")
        self.average = [w.detach().clone() for w in self.lora]
        self.network.enable_gradient_checkpointing()
        self.vae.enable_gradient_checkpointing()
        self.features.backbone.train()  # transformers checkpoints in training only; there is no dropout
        self.features.backbone.gradient_checkpointing_enable()

    def call(self, x, timesteps, condition):
        state = "sample" if self.component == "unet" else "hidden_states"
        condition = dict(condition)
        if "time_ids" in condition:
            condition["added_cond_kwargs"] = {name: condition.pop(name) for name in ("text_embeds", "time_ids")}
        return self.network(**{state: x}, timestep=timesteps, **condition).sample

    def guided(self, x, step):
        """The network under guidance, one call of twice the batch; its input is stopped."""
        given, none = self.inputs.below("condition."), self.inputs.below("null.")
        both = {name: torch.cat([none[name], given[name]]) for name in given}
        x = step["inputScale"] * x.detach()
        output = self.call(torch.cat([x, x]), torch.full((2 * len(x),), float(step["timestep"])), both)
        unconditional, conditional = output.chunk(2)
        return unconditional + self.settings["guidanceScale"] * (conditional - unconditional)

    def decode(self, latents):
        config = self.vae.config
        images = self.vae.decode(latents / config.scaling_factor + (config.shift_factor or 0)).sample
        side = self.numbers["side"]
        return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)

    def step(self):
        gradient, images, metrics = self.adversarial_gradient()
        metrics |= self.update_generator(gradient)
        return metrics | self.update_discriminator(images)

    def adversarial_gradient(self):
        path, trained = self.numbers["path"], self.numbers["trained"]
        x, states = self.inputs["start"], {}
        with torch.no_grad():
            for i, step in enumerate(path):
                states[i] = x
                x = step["a"] * x + step["b"] * self.guided(x, step)
        end = x.requires_grad_()
        loss, images = self.judge(end)
        (gradient,) = torch.autograd.grad(loss, end)
        coefficient = 1.0  # of the state after step i in the end
        for i, step in reversed(list(enumerate(path))):
            if i in trained:
                self.guided(states[i], step).backward(coefficient * step["b"] * gradient)
            coefficient *= step["a"]
        return self.take_gradient(), images.detach(), {"loss_adv": loss.detach()}

    def branch(self, images, user, kind):
        augmented = augment(images, self.inputs.below(f"{user}.{kind}."), self.settings["augmentation"]["fill"])
        return self.discriminator.branch(self.features(augmented))

    def judge(self, end):
        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            real = self.branch(self.inputs["images"], "generator", "real")
        images = self.decode(end)
        score = self.discriminator.compare(self.branch(images, "generator", "generated"), real)
        self.discriminator.requires_grad_(True)
        return -score.mean(), images

    def take_gradient(self):
        gradient = [w.grad for w in self.lora]
        for w in self.lora:
            w.grad = None
        return gradient

    def update_generator(self, adversarial):
        inputs, settings = self.inputs, self.settings
        output = self.call(inputs["noisy"], inputs["timesteps"], inputs.below("condition."))
        errors = (output - inputs["target"]).square().mean((1, 2, 3))
        loss = (errors * inputs.tensors.get("weights", 1.0)).mean()
        (settings["lambdaDiffusion"] * loss).backward()
        del output, errors
        of_diffusion = norm_of([w.grad for w in self.lora])
        adversarial = [settings["lambdaAdv"] * g for g in adversarial]
        norm = norm_of(adversarial)
        factor = (settings["advNormCap"] * of_diffusion / norm).clamp(max=1) if settings["advNormCap"] else 1.0
        for w, g in zip(self.lora, adversarial):
            w.grad += factor * g
        total = torch.nn.utils.clip_grad_norm_(self.lora, settings["optimizer"]["clipNorm"])
        adamw(self.lora, settings["optimizer"]).step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.lora, 1 - settings["emaDecay"])
        return {
            "loss_diffusion": loss.detach(),
            "grad_norm_diffusion": of_diffusion,
            "grad_norm_adv": factor * norm,
            "grad_norm": total,
        }

    def update_discriminator(self, generated):
        images, settings = self.inputs["images"], self.settings
        kinds = {"generated": generated, "real": images, "positive": images}
        augmented = [
            augment(x, self.inputs.below(f"discriminator.{kind}."), settings["augmentation"]["fill"])
            for kind, x in kinds.items()
        ]
        with torch.no_grad():
            grids = self.features(torch.cat(augmented))
        loss = self.discriminator.loss(self.discriminator.branch(grids))
        loss.backward()
        parameters = list(self.discriminator.parameters())
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings["discriminatorOptimizer"]["clipNorm"])
        adamw(parameters, settings["discriminatorOptimizer"]).step()
        return {"loss_discriminator": loss.detach(), "grad_norm_discriminator": norm}


def norm_of(tensors):
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def compared(output):
    """At most 512 values, evenly spaced in NHWC order, as worker.ts takes them."""
    values = output.permute(0, 2, 3, 1).flatten()
    return {"output": values[:: -(-len(values) // 512)].tolist()}


def forward(files, numbers):
    inputs = Inputs(files)
    network, _ = load_network(numbers["pipeline"], ["unet"])
    with torch.inference_mode():
        output, seconds = timed(lambda: network(inputs["noisy"], inputs["timesteps"], **inputs.below("condition.")))
    return [seconds], compared(output.sample)


def run(job):
    files = job["files"]
    with open(f"{files}/numbers.json") as file:
        numbers = json.load(file)
    if job["task"] == "forward":
        return forward(files, numbers)
    tuning, seconds = timed(lambda: Tuning(files, numbers))
    if job["task"] == "load":
        return [seconds], {}
    if job["task"] == "sample":
        with torch.inference_mode():
            calls = [timed(lambda: tuning.guided(tuning.inputs["start"], numbers["path"][0])) for _ in range(2)]
        return [seconds for _, seconds in calls], compared(calls[-1][0])
    metrics, seconds = timed(tuning.step)
    return [seconds], {name: [float(value)] for name, value in metrics.items()}


if __name__ == "__main__":
    seconds, outputs = run(json.loads(sys.argv[1]))
    engine = f"PyTorch {torch.__version__} on CPU, {torch.get_num_threads()} threads"
    print(json.dumps({"seconds": seconds, "outputs": outputs, "engine": engine, "peak_bytes": peak_bytes()}))

"""The process of PyTorch's sides of the full-size benchmark: the same work as full_size/worker.ts does.

The argument is the job as JSON (see full_size/job.ts); the last line on stdout is the reply. Frozen networks are loaded in the
job's precision and in bfloat16 called under autocast; the LoRA, the discriminator's heads, losses and optimisers are float32.
The network's, the decoder's and the backbone's blocks are checkpointed; the adversarial gradient goes back to the LoRA by one
vector-Jacobian product for each trained call, so no graph of the roll-out is kept.
"""

import json
import sys
import time

import diffusers
import torch
import torch.nn.functional as F
from calls import Calls
from discriminator import Features, TwinDiscriminator, augment
from encoders import load_encoder, sd3_condition, tokens_of
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


class Tuning:
    def __init__(self, files, numbers, precision):
        self.files, self.numbers, self.settings = files, numbers, numbers["settings"]
        self.inputs, dtype = Inputs(files), getattr(torch, precision)
        self.network, self.component = load_network(numbers["pipeline"], ["unet", "transformer"], dtype)
        self.vae, _ = load_network(numbers["pipeline"], ["vae"], dtype)
        self.backbone = Features(numbers["backbone"], numbers["blocks"], dtype)
        self.discriminator = TwinDiscriminator(f"{files}/discriminator")
        self.lora = add_lora(self.network, self.component, f"{files}/lora/pytorch_lora_weights.safetensors")
        self.average = [w.detach().clone() for w in self.lora]
        self.network.enable_gradient_checkpointing()
        self.vae.enable_gradient_checkpointing()
        self.backbone.backbone.train()  # transformers checkpoints in training only; there is no dropout
        self.backbone.backbone.gradient_checkpointing_enable()
        calls = calls_in(precision)
        self.predict, self.decoded = calls.of(network_of(self.network, self.component)), calls.of(decoder_of(self.vae))
        self.features, self.heads = calls.of(self.backbone), calls.of(self.discriminator.branch)

    def guided(self, x, step):
        """The network under guidance, one call of twice the batch; its input is stopped."""
        given, none = self.inputs.below("condition."), self.inputs.below("null.")
        both = {name: torch.cat([none[name], given[name]]) for name in given}
        x = step["inputScale"] * x.detach()
        output = self.predict(torch.cat([x, x]), torch.full((2 * len(x),), float(step["timestep"])), both)
        unconditional, conditional = output.chunk(2)
        return unconditional + self.settings["guidanceScale"] * (conditional - unconditional)

    def decode(self, latents):
        side = self.numbers["side"]
        return F.interpolate(self.decoded(latents), (side, side), mode="bilinear", antialias=True, align_corners=False)

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
        return self.heads(self.features(augmented))

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
        output = self.predict(inputs["noisy"], inputs["timesteps"], inputs.below("condition."))
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
        loss = self.discriminator.loss(self.heads(grids))
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
    """At most 512 values, evenly spaced, of images in NHWC order, as outputs.ts takes them."""
    values = (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).flatten()
    return values[:: -(-len(values) // 512)].tolist()


def forward(files, numbers, precision):
    inputs = Inputs(files)
    network, component = load_network(numbers["pipeline"], ["unet", "transformer"], getattr(torch, precision))
    call = calls_in(precision).of(network_of(network, component))
    output, seconds = timed(lambda: call(inputs["noisy"], inputs["timesteps"], inputs.below("condition.")))
    return {"seconds": [seconds], "outputs": {"output": compared(output)}}


def encode(numbers, precision):
    def conditions():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return sd3_condition(numbers["pipeline"], getattr(torch, precision), ["", numbers["image"]["caption"]])

    found, seconds = timed(conditions)
    return {"seconds": [seconds], "outputs": {name: compared(both[1:]) for name, both in found.items()}}


def image(files, numbers, precision):
    """The parts of making an image with Stable Diffusion 1.5, each once to warm up and then timed, as image.ts does."""
    folder, dtype, calls, made = numbers["pipeline"], getattr(torch, precision), calls_in(precision), numbers["image"]
    encoder = load_encoder(folder, "text_encoder", dtype)
    network = calls.of(network_of(*load_network(folder, ["unet"], dtype)))
    decode = calls.of(decoder_of(load_network(folder, ["vae"], dtype)[0]))
    read = calls.of(lambda tokens: encoder(tokens).last_hidden_state)
    start = Inputs(files)["start"]

    def encoded():
        return read(tokens_of(folder, "text_encoder", None, ["", made["caption"]]))

    def call(step):
        x = step["inputScale"] * start
        condition = {"encoder_hidden_states": text}
        output = network(torch.cat([x, x]), torch.full((2,), float(step["timestep"])), condition)
        unconditional, conditional = output.chunk(2)
        return unconditional + made["guidanceScale"] * (conditional - unconditional)

    encoded()
    text, encoding = timed(encoded)
    outputs = [timed(lambda: call(step)) for step in made["path"]]
    decode(start)
    pixels, decoding = timed(lambda: decode(start))
    return {
        "seconds": [],
        "parts": {
            "encode": encoding,
            "call": [seconds for _, seconds in outputs[1:]],
            "decode": decoding,
            "calls": made["calls"],
        },
        "outputs": {"text": compared(text[1:]), "output": compared(outputs[-1][0]), "image": compared(pixels)},
    }


def run(job):
    files, precision = job["files"], job["precision"]
    with open(f"{files}/numbers.json") as file:
        numbers = json.load(file)
    with torch.inference_mode(job["task"] != "adt"):
        if job["task"] == "forward":
            return forward(files, numbers, precision)
        if job["task"] == "encode":
            return encode(numbers, precision)
        if job["task"] == "image":
            return image(files, numbers, precision)
        tuning, seconds = timed(lambda: Tuning(files, numbers, precision))
        if job["task"] == "load":
            return {"seconds": [seconds], "outputs": {}}
        if job["task"] == "sample":
            calls = [timed(lambda: tuning.guided(tuning.inputs["start"], numbers["path"][0])) for _ in range(2)]
            return {"seconds": [seconds for _, seconds in calls], "outputs": {"output": compared(calls[-1][0])}}
        metrics, seconds = timed(tuning.step)
        return {"seconds": [seconds], "outputs": {name: [float(value)] for name, value in metrics.items()}}


if __name__ == "__main__":
    done = run(json.loads(sys.argv[1]))
    engine = f"PyTorch {torch.__version__} on CPU, {torch.get_num_threads()} threads"
    print(json.dumps({**done, "engine": engine, "peak_bytes": peak_bytes()}))

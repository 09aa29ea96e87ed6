"""UNet forward, UNet training step and ADT step in PyTorch + diffusers: the same algorithm as src/adt, hand-written.

The gradient of the adversarial loss at the end of the roll-out goes back to the weights in one of two ways:
- one vector-Jacobian product per trained network call, which keeps no graph of the roll-out (as this project does);
- `keep_graphs`: the roll-out keeps the graphs of its trained calls, and one `backward()` goes through all of them (as
  published implementations do it).
"""

import torch
import torch.nn.functional as F
from calls import Calls
from diffusers import UNet2DConditionModel
from discriminator import Features, TwinDiscriminator, augment
from safetensors.torch import load_file
from upsampling import with_compilable_upsampling


class Inputs:
    """Tensors of the inputs file; images and latents NCHW, in the memory format of the calls."""

    def __init__(self, path, calls):
        self.tensors, self.calls = load_file(path), calls
        self.images = self.nchw("images")
        self.tokens = self.tensors["tokens"]

    def nchw(self, name):
        return self.calls.placed(self.tensors[name].permute(0, 3, 1, 2))

    def timesteps(self, repetition):
        return self.tensors[f"{repetition}.timesteps"]

    def augmentation(self, repetition, user, kind):
        prefix = f"{repetition}.{user}.{kind}."
        return {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}


def open_forward(job):
    calls = Calls(job)
    inputs = Inputs(job["files"]["inputs"], calls)
    network = calls.of(sample_of(load_unet(job, calls)))

    @torch.inference_mode()
    def repeat(repetition):
        x = inputs.nchw(f"{repetition}.noisy")
        return {"output": network(x, inputs.timesteps(repetition), inputs.tokens).permute(0, 2, 3, 1)}

    return repeat


def open_step(job):
    training = Training(job)

    def repeat(repetition):
        return {name: torch.as_tensor(value) for name, value in training.step(repetition).items()}

    return repeat


def load_unet(job, calls):
    unet = UNet2DConditionModel.from_pretrained(job["files"]["unet"], low_cpu_mem_usage=False)
    return calls.placed(with_compilable_upsampling(unet) if calls.compiled else unet)


def sample_of(unet):
    """The network as a function of tensors that gives a tensor."""
    return lambda x, timesteps, tokens: unet(x, timesteps, tokens, return_dict=False)[0]


def adamw(parameters, settings):
    return torch.optim.AdamW(
        parameters,
        lr=settings["lr"],
        betas=tuple(float(beta) for beta in settings["betas"]),
        eps=settings["eps"],
        weight_decay=settings["weightDecay"],
        fused=True,
    )


class Training:
    def __init__(self, job):
        self.job, self.settings = job, job["settings"]
        calls = Calls(job)
        self.inputs, unet = Inputs(job["files"]["inputs"], calls), load_unet(job, calls).train()
        self.network, self.weights = calls.of(sample_of(unet)), list(unet.parameters())
        self.average = [w.detach().clone() for w in self.weights]
        self.optimizer = adamw(self.weights, self.settings["optimizer"])
        if job["task"] == "adt-step":
            self.features = calls.of(calls.placed(Features(job["files"]["backbone"], job["blocks"])))
            self.discriminator = calls.placed(TwinDiscriminator(job["files"]["discriminator"]))
            self.branch = calls.of(self.discriminator.branch)
            self.discriminator_optimizer = adamw(
                self.discriminator.parameters(), self.settings["discriminatorOptimizer"]
            )

    def step(self, repetition):
        adversarial, generated = {}, None
        if self.job["task"] == "adt-step":
            adversarial, generated = self.adversarial_gradient(repetition)
        metrics = {**adversarial, **self.update_generator(repetition)}
        if generated is not None:
            metrics.update(self.update_discriminator(repetition, generated))
        return metrics

    def adversarial_gradient(self, repetition):
        """Adds lambda times the gradient of the adversarial loss to the weights' `.grad`."""
        path, trained = self.job["path"], set(self.job["trained"][repetition - 1])
        x, states = self.inputs.nchw(f"{repetition}.start"), {}
        for i, step in enumerate(path):
            with torch.set_grad_enabled(self.job["keep_graphs"] and i in trained):
                output = self.call(x, step)
            if i in trained and not self.job["keep_graphs"]:
                states[i] = x
            x = step["a"] * x + step["b"] * output
        end = x.detach().requires_grad_()
        loss = self.generator_loss(repetition, end)
        (gradient,) = torch.autograd.grad(loss, end)
        gradient = self.settings["lambdaAdv"] * gradient
        if self.job["keep_graphs"]:
            x.backward(gradient)
        else:
            self.pull_back(path, states, gradient)
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm([w.grad for w in self.weights])))
        return {"loss_adv": loss.detach(), "grad_norm_adv": norm}, end.detach()

    def call(self, x, step):
        """The network with its input stopped."""
        timesteps = torch.full((len(x),), float(step["timestep"]))
        return self.network(x.detach(), timesteps, self.inputs.tokens)

    def pull_back(self, path, states, gradient):
        """One vector-Jacobian product for each trained call, with cotangent c_i g."""
        coefficient = 1.0  # of the state after step i in the end
        for i in reversed(range(len(path))):
            if i in states:
                self.call(states[i], path[i]).backward(coefficient * path[i]["b"] * gradient)
            coefficient *= path[i]["a"]

    def generator_loss(self, repetition, end):
        def branch(images, kind):
            augmented = augment(images, self.inputs.augmentation(repetition, "generator", kind))
            return self.branch(self.features(augmented))

        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            real = branch(self.inputs.images, "real")
        score = self.discriminator.compare(branch(end, "generated"), real)
        self.discriminator.requires_grad_(True)
        return -score.mean()

    def update_generator(self, repetition):
        noisy, target = self.inputs.nchw(f"{repetition}.noisy"), self.inputs.nchw(f"{repetition}.target")
        output = self.network(noisy, self.inputs.timesteps(repetition), self.inputs.tokens)
        loss = F.mse_loss(output, target)
        (self.settings["lambdaDiffusion"] * loss).backward()
        del output
        norm = torch.nn.utils.clip_grad_norm_(self.weights, self.settings["optimizer"]["clipNorm"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - self.settings["emaDecay"])
        return {"loss_diffusion": loss.detach(), "grad_norm": norm}

    def update_discriminator(self, repetition, generated):
        kinds = {"generated": generated, "real": self.inputs.images, "positive": self.inputs.images}
        with torch.no_grad():
            augmented = [
                augment(images, self.inputs.augmentation(repetition, "discriminator", kind))
                for kind, images in kinds.items()
            ]
            grids = self.features(torch.cat(augmented))
        loss = self.discriminator.loss(self.branch(grids))
        loss.backward()
        parameters = list(self.discriminator.parameters())
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.settings["discriminatorOptimizer"]["clipNorm"])
        self.discriminator_optimizer.step()
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        return {"loss_discriminator": loss.detach(), "grad_norm_discriminator": norm}

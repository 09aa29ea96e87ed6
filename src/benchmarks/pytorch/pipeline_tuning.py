"""The ADT step of a pipeline's LoRA: the same as adtStep on the setup of src/experiments/tune/pipeline_setup.ts.

Frozen networks are loaded in a precision and in bfloat16 called under autocast; the LoRA, the discriminator's heads, losses and
optimisers are float32. The network's, the decoder's and the backbone's blocks are checkpointed; the adversarial gradient goes
back to the LoRA by one vector-Jacobian product for each trained call, so no graph of the roll-out is kept.
"""

import torch
import torch.nn.functional as F
from discriminator import Features, TwinDiscriminator, augment
from lora import add_lora
from parts import Inputs, calls_in, decoder_of, load_network, network_of
from training import adamw


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

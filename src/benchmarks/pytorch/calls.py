"""How PyTorch's side calls its networks: eager or compiled, in float32 or under autocast, and in which memory format."""

import torch


class Calls:
    def __init__(self, job):
        self.compiled, self.bfloat16 = job["compiled"], job["precision"] == "bfloat16"
        self.memory_format = torch.channels_last if job["channels_last"] else torch.contiguous_format

    def placed(self, x):
        """A tensor or a module with all that has four dimensions in the memory format."""
        if isinstance(x, torch.Tensor):
            return x.contiguous(memory_format=self.memory_format)
        return x.to(memory_format=self.memory_format)

    def of(self, network):
        """A function of tensors that gives a tensor or a list of them, called in this way; results are float32."""
        called = torch.compile(network, dynamic=False) if self.compiled else network

        def call(*inputs):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                result = called(*inputs)
            return result.float() if isinstance(result, torch.Tensor) else [x.float() for x in result]

        return call

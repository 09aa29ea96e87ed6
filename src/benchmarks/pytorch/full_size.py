"""The process of PyTorch's sides of the full-size benchmark: the same work as full_size/worker.ts does.

The argument is the job as JSON (see full_size/job.ts); the last line on stdout is the reply.
"""

import json
import sys
import time

import torch
from encoders import load_encoder, load_tokenizer, sd3_condition, tokens_of
from parts import Inputs, calls_in, decoder_of, load_network, network_of
from pipeline_tuning import Tuning
from worker import peak_bytes


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
    encoder, tokenizer = load_encoder(folder, "text_encoder", dtype), load_tokenizer(folder, "text_encoder")
    network = calls.of(network_of(*load_network(folder, ["unet"], dtype)))
    decode = calls.of(decoder_of(load_network(folder, ["vae"], dtype)[0]))
    read = calls.of(lambda tokens: encoder(tokens).last_hidden_state)
    start = Inputs(files)["start"]

    def encoded():
        return read(tokens_of(tokenizer, ["", made["caption"]]))

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

"""The child process of PyTorch's side of a benchmark; same protocol as worker.ts, which describes it.

The argument is the job as JSON (see `pytorchCommand` in pytorch.ts). stdout carries the protocol only.
"""

import json
import os
import sys
import tempfile
import time


def open_task(job):
    if job["task"] == "ops":
        from ops import open_ops

        return open_ops(job["parts"])
    if job["task"] == "layer":
        from layers import open_layer

        return open_layer(job)
    from training import open_forward, open_step

    return open_forward(job) if job["task"] == "unet-forward" else open_step(job)


def check(repeat, repetitions):
    outputs = {}
    for repetition in range(1, repetitions + 1):
        for name, values in repeat(repetition).items():
            outputs.setdefault(name, []).extend(values.flatten().tolist())
    return outputs


def timed(repeat, repetition, parts):
    cpu, start = time.process_time(), time.perf_counter()
    repeat(repetition)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"wall_ms": 1000 * wall / parts, "cpu_ms": 1000 * cpu / parts}


def peak_bytes():
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    except FileNotFoundError:  # not Linux
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(job, reply):
    import torch

    torch.manual_seed(0)
    repeat, parts = open_task(job), job["parts"]
    description = f"PyTorch {torch.__version__} on CPU, {torch.get_num_threads()} threads"
    repetition = job["checked"]
    reply({"ready": {"backend": "pytorch", "description": description}})
    for line in sys.stdin:
        command = line.strip()
        if command == "check":
            reply({"outputs": check(repeat, job["checked"])})
        elif command == "run":
            repetition += 1
            reply(timed(repeat, repetition, parts))
        elif command == "peak":
            reply({"peak_bytes": peak_bytes()})


def reason_of(error):
    """What is wrong, in one line; torch.compile wraps what its compiler said."""
    error = getattr(error, "inner_exception", error)
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def main():
    protocol = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to stderr

    def reply(message):
        print(json.dumps(message), file=protocol, flush=True)

    with tempfile.TemporaryDirectory(prefix="adt-inductor-") as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # nothing is compiled already
        try:
            serve(json.loads(sys.argv[1]), reply)
        except Exception as error:
            reply({"error": reason_of(error)})
            raise


if __name__ == "__main__":
    main()

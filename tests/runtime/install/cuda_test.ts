import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorflowDescription } from "../../../src/runtime/engine/engine.ts";
import {
  missingCudaLibraries,
  nameCudaTools,
  nvidiaProblem,
  type NvidiaState,
  nvidiaState,
} from "../../../src/runtime/install/cuda.ts";
import { NVIDIA_LIBRARIES, tensorflowFiles } from "../../../src/runtime/install/wheels.ts";
import { nvidiaUsable } from "../../../src/runtime/nvidia.ts";
import { withEnvironment } from "../engine/environment.ts";

Deno.test("nvidiaUsable() asks for a driver for CUDA 12", () => {
  const usable = ["11.8", "12.0", "12.4", "13.1", undefined].map((cuda) => nvidiaUsable(cuda ?? ""));
  assert.deepEqual(usable, [false, true, true, true, false]);
});

Deno.test("nvidiaProblem() says why a card is not used, and what mends it", () => {
  const state: NvidiaState = { driver: "12.4", built: true, gpus: 1, missing: [] };
  assert.equal(nvidiaProblem(state), undefined);
  assert.equal(nvidiaProblem({ ...state, gpus: 2, missing: ["cudnn"] }), undefined); // found elsewhere
  assert.equal(nvidiaProblem({ driver: undefined, built: false, gpus: 0, missing: ["cudnn"] }), undefined);
  const cases: [Partial<NvidiaState>, RegExp, RegExp][] = [
    [{ driver: "11.8" }, /driver supports CUDA 11\.8 only$/, /driver of version 525/],
    [
      { built: false },
      /card \(driver for CUDA 12\.4\), but TensorFlow's build is for the CPU/,
      /setup --cuda/,
    ],
    [{ missing: ["cublas", "cudnn"] }, /does not find its libraries: cublas, cudnn$/, /setup --cuda/],
    [{}, /lists no GPU$/, /TF_CPP_MIN_LOG_LEVEL=0/],
  ];
  for (const [change, detail, fix] of cases) {
    const problem = nvidiaProblem({ ...state, gpus: 0, ...change })!;
    assert.match(problem.detail, detail);
    assert.match(problem.fix, fix);
  }
});

Deno.test("missingCudaLibraries() looks beside TensorFlow's folder, where the CUDA set-up unpacks them", async () => {
  const engine = await Deno.makeTempDir(), folder = join(engine, "tensorflow");
  assert.deepEqual(missingCudaLibraries(folder), [...NVIDIA_LIBRARIES]);
  for (const { entries } of tensorflowFiles("linux", "x86_64", true)!.wheels.slice(1)) {
    for (const entry of entries) await Deno.mkdir(join(engine, entry), { recursive: true });
  }
  assert.deepEqual(missingCudaLibraries(folder), []);
  await Deno.remove(join(engine, "nvidia/cudnn"), { recursive: true });
  assert.deepEqual(missingCudaLibraries(folder), ["cudnn"]);
  const { built, gpus, missing } = nvidiaState({
    folder,
    cuda: true,
    devices: [{ type: "CPU" }, { type: "GPU" }],
  });
  assert.deepEqual({ built, gpus, missing }, { built: true, gpus: 1, missing: ["cudnn"] });
  await Deno.remove(engine, { recursive: true });
});

Deno.test("the CUDA set-up has every library that TensorFlow's run path names, in its folder", () => {
  const onRunPath = [
    "cublas",
    "cuda_cupti",
    "cuda_runtime",
    "cudnn",
    "cufft",
    "cusolver",
    "cusparse",
    "nccl",
  ];
  for (const name of onRunPath) assert.ok(NVIDIA_LIBRARIES.includes(name), name);
});

Deno.test("nameCudaTools() tells XLA where ptxas is, unless the user did", async () => {
  const engine = await Deno.makeTempDir(), folder = join(engine, "tensorflow");
  await withEnvironment({ XLA_FLAGS: "--a=b" }, async () => {
    nameCudaTools(folder);
    assert.equal(Deno.env.get("XLA_FLAGS"), "--a=b"); // there are no tools
    await Deno.mkdir(join(engine, "nvidia/cuda_nvcc"), { recursive: true });
    nameCudaTools(folder);
    nameCudaTools(folder);
    assert.equal(
      Deno.env.get("XLA_FLAGS"),
      `--a=b --xla_gpu_cuda_data_dir=${join(engine, "nvidia/cuda_nvcc")}`,
    );
  });
  await Deno.remove(engine, { recursive: true });
});

Deno.test("tensorflowDescription() tells GPU from CPU, and a CUDA build without a GPU", () => {
  const cpu = { name: "", type: "CPU" }, gpu = { name: "", type: "GPU" }, version = "2.21.0";
  const texts = [
    { version, devices: [cpu], cuda: false },
    { version, devices: [cpu], cuda: true },
    { version, devices: [cpu, gpu], cuda: true },
    { version, devices: [cpu, gpu, gpu], cuda: true },
  ].map(tensorflowDescription);
  assert.deepEqual(texts, [
    "TensorFlow 2.21.0 on CPU",
    "TensorFlow 2.21.0 on CPU (built for CUDA, but it lists no GPU)",
    "TensorFlow 2.21.0 on GPU",
    "TensorFlow 2.21.0 on GPU (the first of 2)",
  ]);
});

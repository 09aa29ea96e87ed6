import { CommanderError } from "commander";
import assert from "node:assert/strict";
import process from "node:process";
import { benchmarkCases, selectCases } from "../../src/benchmarks/cases.ts";
import { parseBenchOptions } from "../../src/benchmarks/options.ts";
import { parseFullSizeOptions } from "../../src/benchmarks/full_size/options.ts";
import { measureStep, parseStepOptions } from "../../src/benchmarks/step.ts";
import { UserError } from "../../src/runtime/errors.ts";

/** Fails unless the arguments are refused with a message that matches. Commander's own printing is kept quiet. */
function refuses(parse: (args: string[]) => unknown, args: string[], message: RegExp): void {
  const { stderr } = process, write = stderr.write;
  stderr.write = () => true;
  try {
    assert.throws(() => parse(args), (error: unknown) => {
      assert.ok(error instanceof CommanderError && error.exitCode !== 0);
      assert.match(error.message, message);
      return true;
    });
  } finally {
    stderr.write = write;
  }
}

Deno.test("bench runs all by default, as often as each case says, and compares with PyTorch", () => {
  assert.deepEqual(parseBenchOptions([]), {
    only: [],
    quick: false,
    json: "runs/benchmark.json",
    repeats: undefined,
    pytorch: true,
  });
});

Deno.test("bench --quick runs once unless told", () => {
  assert.equal(parseBenchOptions(["--quick"]).repeats, 1);
  assert.equal(parseBenchOptions(["--quick", "--repeats", "3"]).repeats, 3);
});

Deno.test("bench takes several names, the file of the results, and --without-pytorch", () => {
  const options = parseBenchOptions(["--only", "adt", "engines", "--json", "x.json", "--without-pytorch"]);
  assert.deepEqual([options.only, options.json, options.pytorch], [["adt", "engines"], "x.json", false]);
});

Deno.test("bench refuses what it does not understand", () => {
  refuses(parseBenchOptions, ["--repeats", "0"], /at least 1/);
  refuses(parseBenchOptions, ["--repaets", "3"], /--repaets/);
  refuses(parseBenchOptions, ["adt"], /too many arguments/);
});

Deno.test("bench:step measures T = 10, K = 2 at batch 8 by default", () => {
  const { steps, gradSteps, batch, json, unet, backbone } = parseStepOptions([]);
  assert.deepEqual({ steps, gradSteps, batch, json }, { steps: 10, gradSteps: 2, batch: 8, json: undefined });
  assert.deepEqual([unet, backbone], [undefined, undefined]);
});

Deno.test("bench:step takes T, K, batch and folders", () => {
  const line = "--json --steps 20 --grad-steps 4 --batch 2 --unet a --backbone b --backend wasm";
  const { steps, gradSteps, batch, json, unet, backbone, backend } = parseStepOptions(line.split(" "));
  assert.deepEqual([steps, gradSteps, batch, json, unet, backbone, backend], [
    20,
    4,
    2,
    true,
    "a",
    "b",
    "wasm",
  ]);
});

Deno.test("bench:step refuses numbers that are none", () => {
  refuses(parseStepOptions, ["--steps", "ten"], /whole number/);
  refuses(parseStepOptions, ["--grad-steps", "0"], /at least 1/);
});

Deno.test("bench:step refuses to train more steps than there are", async () => {
  const options = parseStepOptions(["--steps", "3", "--grad-steps", "4"]);
  await assert.rejects(measureStep(options, () => {}), /--grad-steps 4 of --steps 3/);
});

Deno.test("bench:full-size refuses models that it does not know and limits below 1 GiB", () => {
  refuses(parseFullSizeOptions, ["--only", "sd2"], /sd15, sdxl, sd3/);
  refuses(parseFullSizeOptions, ["--memory-limit", "0"], /at least 1/);
  refuses(parseFullSizeOptions, ["--resolution", "1000"], /multiple of 64/);
});

Deno.test("selectCases() takes whole names and beginnings up to a hyphen", () => {
  const cases = benchmarkCases({ webgpu: false });
  const names = (...wanted: string[]) => selectCases(cases, wanted).map(({ name }) => name);
  assert.equal(names().length, cases.length);
  assert.deepEqual(names("adt-step", "unet"), ["unet-forward", "unet-training", "adt-step"]);
  assert.ok(names("adt").length > 3 && names("adt").every((name) => name.startsWith("adt-")));
});

Deno.test("selectCases() refuses an unknown name and lists the known ones", () => {
  const cases = benchmarkCases({ webgpu: false });
  assert.throws(() => selectCases(cases, ["unet", "adt-t"]), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /adt-t;.*unet-forward, unet-training, adt-step/);
    return true;
  });
});

Deno.test("PyTorch is measured on every ADT case, in both its ways at K = 2 and K = 8; WebGPU is measured only where there is an adapter", () => {
  for (const { name, task, sides } of benchmarkCases({ webgpu: false })) {
    if (task === "adt-step") {
      const ways = sides.filter(({ implementation }) => implementation.kind === "pytorch").length;
      assert.equal(ways, ["adt-step", "adt-k8"].includes(name) ? 2 : 1, name);
    }
  }
  const engines = (webgpu: boolean) =>
    benchmarkCases({ webgpu }).find(({ name }) => name === "engines")!.sides.length;
  assert.equal(engines(true), engines(false) + 1);
});

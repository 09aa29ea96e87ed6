import { CommanderError } from "commander";
import assert from "node:assert/strict";
import process from "node:process";
import { benchmarkCases, selectCases } from "../../src/benchmarks/cases.ts";
import { parseBenchOptions } from "../../src/benchmarks/options.ts";
import { parseFullSizeOptions } from "../../src/benchmarks/full_size/options.ts";
import { roleOf } from "../../src/benchmarks/sides.ts";
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

Deno.test("bench:step takes the precision, and refuses one that there is not", () => {
  assert.equal(parseStepOptions([]).precision, undefined);
  for (const precision of ["float32", "bfloat16", "float16", "auto"]) {
    assert.equal(parseStepOptions(["--precision", precision]).precision, precision);
  }
  refuses(parseStepOptions, ["--precision", "int8"], /float32, bfloat16, float16, auto/);
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

Deno.test("selectCases() takes whole names, or else beginnings up to a hyphen", () => {
  const cases = benchmarkCases({ webgpu: false });
  const names = (...wanted: string[]) => selectCases(cases, wanted).map(({ name }) => name);
  assert.equal(names().length, cases.length);
  assert.deepEqual(names("adt-step", "unet"), ["unet-forward", "unet-training", "adt-step"]);
  assert.ok(names("adt").length > 3 && names("adt").every((name) => name.startsWith("adt-")));
  assert.equal(names("layers").length, 18);
  assert.deepEqual(names("layers-conv"), ["layers-conv"]);
});

Deno.test("selectCases() refuses an unknown name and lists the known ones", () => {
  const cases = benchmarkCases({ webgpu: false });
  assert.throws(() => selectCases(cases, ["unet", "adt-t"]), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /adt-t;.*unet-forward, unet-training, adt-step/);
    return true;
  });
});

Deno.test("each network is measured by PyTorch in all its ways, how memory grows by eager PyTorch", () => {
  const sidesOf = (name: string) =>
    benchmarkCases({ webgpu: false }).find((one) => one.name === name)!.sides.map((side) => side.name);
  const all = [
    ...["ours", "ours, bfloat16", "PyTorch", "PyTorch, bfloat16"],
    ...["PyTorch, compiled", "PyTorch, compiled, bfloat16", "PyTorch, channels_last"],
  ];
  for (const name of ["unet-forward", "unet-training", "adt-step-plain"]) {
    assert.deepEqual(sidesOf(name), all, name);
  }
  assert.deepEqual(sidesOf("adt-step"), [...all, "PyTorch, K graphs kept"]);
  assert.deepEqual(sidesOf("adt-t50"), ["ours", "PyTorch"]);
  assert.deepEqual(sidesOf("adt-k8"), ["ours", "PyTorch", "PyTorch, K graphs kept"]);
  assert.deepEqual(sidesOf("layers-geglu"), all.slice(0, 4));
});

Deno.test("a side's name says its precision; the baselines are eager PyTorch's", () => {
  for (const { sides } of benchmarkCases({ webgpu: true })) {
    for (const side of sides) {
      assert.equal(side.name.endsWith("bfloat16"), side.precision === "bfloat16");
      const eager = /^PyTorch(, bfloat16|, torch\.add)?$/.test(side.name);
      assert.equal(roleOf(side), side.name.startsWith("ours") ? "ours" : eager ? "baseline" : "variant");
    }
  }
});

Deno.test("WebGPU is measured only where there is an adapter", () => {
  const engines = (webgpu: boolean) =>
    benchmarkCases({ webgpu }).find(({ name }) => name === "engines")!.sides.length;
  assert.equal(engines(true), engines(false) + 1);
});

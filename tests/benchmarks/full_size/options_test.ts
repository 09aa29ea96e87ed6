import assert from "node:assert/strict";
import { modelsOf } from "../../../src/benchmarks/full_size/models.ts";
import { parseFullSizeOptions } from "../../../src/benchmarks/full_size/options.ts";
import { SIDES, sidesOf } from "../../../src/benchmarks/full_size/sides.ts";

/** Titles, resolutions and tasks that some arguments ask for. */
const asked = (...args: string[]) =>
  modelsOf(parseFullSizeOptions(args)).map(({ title, resolution, tasks }) => ({ title, resolution, tasks }));

const sides = (...args: string[]) => {
  const options = parseFullSizeOptions(args);
  return sidesOf("adt", options).map(({ name }) => name);
};

Deno.test("bench:full-size refuses models, tasks, precisions and resolutions that it does not know", () => {
  assert.throws(() => parseFullSizeOptions(["--only", "sd2"]), /sd15, sdxl, sd3/);
  assert.throws(() => parseFullSizeOptions(["--task", "train"]), /forward, load/);
  assert.throws(() => parseFullSizeOptions(["--precision", "float8"]), /float32, bfloat16, int8/);
  assert.throws(() => parseFullSizeOptions(["--resolution", "500"]), /multiple of 64/);
});

Deno.test("a model's own resolution gets all its tasks, another the ADT step alone, unless they are named", () => {
  assert.deepEqual(asked("--only", "sd15"), [
    { title: "Stable Diffusion 1.5", resolution: 512, tasks: ["forward", "load", "sample", "image", "adt"] },
  ]);
  assert.deepEqual(asked("--only", "sdxl", "--resolution", "768"), [
    { title: "SDXL", resolution: 768, tasks: ["adt"] },
  ]);
  assert.deepEqual(
    asked("--task", "image", "adt", "--resolution", "1024").map(({ tasks }) => tasks),
    [["image", "adt"], ["adt"], ["adt"]],
  );
});

Deno.test("SD3 is measured without its T5, or with it", () => {
  const [[without], [withT5]] = [asked("--only", "sd3"), asked("--only", "sd3", "--with-t5")];
  assert.equal(without!.title, "SD3 medium, without T5");
  assert.equal(withT5!.title, "SD3 medium, with T5");
  assert.deepEqual(withT5!.tasks, ["load", "encode", "sample", "adt"]);
  assert.equal(modelsOf(parseFullSizeOptions(["--only", "sd3", "--with-t5"]))[0]!.t5, true);
});

Deno.test("--precision and --ours choose the sides; images are made with the base as it is", () => {
  assert.deepEqual(sides(), SIDES.map(({ name }) => name));
  assert.deepEqual(sides("--precision", "bfloat16"), ["ours, bfloat16", "PyTorch, bfloat16"]);
  assert.deepEqual(sides("--precision", "float32", "int8", "--ours"), ["ours", "ours, bfloat16, int8 base"]);
  assert.deepEqual(sidesOf("image", parseFullSizeOptions(["--precision", "int8"])), []);
});

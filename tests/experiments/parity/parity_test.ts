import assert from "node:assert/strict";
import { join } from "node:path";
import { formatParity, parity } from "../../../src/experiments/parity/parity.ts";
import { parityRow } from "../../../src/experiments/parity/rows.ts";
import type { HostTensor } from "../../../src/weights/dtypes.ts";
import { readTensors, writeTensors } from "../../../src/weights/safetensors.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

const engine = { sanitizeOps: false, sanitizeResources: false };

const CASES: [name: string, mu?: number][] = [
  ["unet_sd15"],
  ["unet_sdxl"],
  ["mmdit_sd3"],
  ["mmdit_sd35"],
  ["vae_sd15"],
  ["vae_sd3"],
  ["clip_text"],
  ["clip_text_projection"],
  ["clip_vision"],
  ["t5_encoder"],
  ["dinov2"],
  ["dinov2_resized"],
  ["dinov2_swiglu"],
  ["dinov2_swiglu_resized"],
  ["dinov2_registers"],
  ["dinov2_registers_resized"],
  ["scheduler_ddim"],
  ["scheduler_ddim_v"],
  ["scheduler_ddim_linear_clip"],
  ["scheduler_pndm"],
  ["scheduler_euler"],
  ["scheduler_euler_karras"],
  ["scheduler_heun"],
  ["scheduler_dpmpp_2m"],
  ["scheduler_dpmpp_2m_karras"],
  ["scheduler_flow_euler"],
  ["scheduler_flow_euler_dynamic", 0.9],
];

for (const [name, mu] of CASES) {
  Deno.test(`parity() finds every recorded tensor of ${name} within the tolerance`, engine, async () => {
    await startTestEngine();
    await noLeak(async () => {
      const rows = await parity(fixture(name), { mu });
      const recorded = Object.keys(await readTensors(fixture(`${name}/outputs.safetensors`)));
      const compared = recorded.filter((tensor) => tensor !== "init").sort();
      assert.deepEqual(rows.map(({ name }) => name).sort(), compared);
      assert.deepEqual(rows.filter(({ passed }) => !passed), []);
    });
  });
}

/** A copy of a case, with some of its files' tensors changed. */
async function changed(
  folder: string,
  name: string,
  file: "inputs" | "outputs",
  change: (
    tensors: Awaited<ReturnType<typeof readTensors>>,
  ) => Record<string, Pick<HostTensor, "shape" | "data">>,
): Promise<void> {
  for await (const { name: entry } of Deno.readDir(fixture(name))) {
    await Deno.copyFile(fixture(`${name}/${entry}`), join(folder, entry));
  }
  const tensors = await readTensors(fixture(`${name}/${file}.safetensors`));
  await writeTensors(
    join(folder, `${file}.safetensors`),
    Object.fromEntries(
      Object.entries(change(tensors)).map(([name, { shape, data }]) => [name, { shape, data }]),
    ),
  );
}

Deno.test("parity() measures an output, a gradient and a trajectory that differ", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    await changed(folder, "mmdit_sd3", "outputs", (tensors) => {
      for (const { data } of Object.values(tensors)) data[7]! += 0.1;
      return tensors;
    });
    const rows = await parity(folder);
    assert.deepEqual(rows.map(({ name, tolerance, passed }) => [name, tolerance, passed]), [
      ["sample", 1e-4, false],
      ["grad_hidden_states", 1e-3, false],
    ]);
    for (const { error, scale } of rows) {
      assert.ok(Math.abs(error * scale - 0.1) < 1e-4, `${error} · ${scale}`);
    }
    assert.ok((await parity(folder, { tolerance: 0.5 })).every(({ passed }) => passed));
  });
  await inTempFolder(async (folder) => {
    await changed(folder, "scheduler_euler", "outputs", (tensors) => {
      tensors.trajectory!.data[2000]! *= 1.5;
      return tensors;
    });
    const rows = await parity(folder);
    assert.deepEqual(rows.filter(({ passed }) => !passed).map(({ name }) => name), ["trajectory"]);
  });
});

Deno.test("parity() says what is missing", async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    const none = join(folder, "none");
    await rejectsWith(() => parity(none), /none: there is no config\.json and no scheduler_config\.json/);
    await changed(folder, "dinov2", "inputs", (tensors) => tensors);
    await Deno.remove(join(folder, "outputs.safetensors"));
    await rejectsWith(
      () => parity(folder),
      /outputs\.safetensors: no such file; save the tensors of a PyTorch run/,
    );
    await rejectsWith(() => parity(folder, { mu: 1 }), /mu is for schedulers/);
  });
});

Deno.test("parity() names a class that is not supported", async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    await changed(folder, "dinov2", "inputs", (tensors) => tensors);
    const config = (value: unknown) => Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(value));
    await config({ _class_name: "FluxTransformer2DModel" });
    await rejectsWith(
      () => parity(folder),
      /config\.json is a config for FluxTransformer2DModel, which is not supported; expected one of .*SD3Transformer2DModel/,
    );
    await config({ model_type: "bert" });
    await rejectsWith(() => parity(folder), /config\.json names no model class; expected _class_name/);
  });
});

Deno.test("parity() names inputs and outputs that do not fit the model", async () => {
  await startTestEngine();
  const refused = (
    name: string,
    file: "inputs" | "outputs",
    change: Parameters<typeof changed>[3],
    ...patterns: RegExp[]
  ) =>
    inTempFolder(async (folder) => {
      await changed(folder, name, file, change);
      await noLeak(() => rejectsWith(() => parity(folder), ...patterns));
    });
  const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });

  await refused(
    "dinov2",
    "inputs",
    () => ({ pixel_values: zeros(1, 4, 42, 42), images: zeros(1) }),
    /inputs of Dinov2Model:\n/,
    /images: there is no such input, only pixel_values, bool_masked_pos/,
    /pixel_values: got shape \[1,42,42,4\], expected \[B,H,W,3\]/,
  );
  await refused(
    "dinov2",
    "outputs",
    () => ({ hidden_4: zeros(2, 10, 32) }),
    /Dinov2Model has no output hidden_4; it has last_hidden_state, pooler_output, hidden_0 to hidden_3, penultimate/,
  );
  await refused(
    "dinov2",
    "outputs",
    () => ({ last_hidden_state: zeros(2, 9, 32) }),
    /last_hidden_state: recorded with shape \[2,9,32\], computed with \[2,10,32\]/,
  );
  await refused("dinov2", "outputs", () => ({ grad_mask: zeros(2) }), /no gradient by mask; .* pixel_values/);
  await refused(
    "scheduler_ddim",
    "outputs",
    ({ init, ...rest }) => ({ start: init!, ...rest }),
    /there is no tensor init; a scheduler case has init, timesteps and trajectory/,
  );
  await refused(
    "scheduler_ddim",
    "outputs",
    (tensors) => ({ ...tensors, trajectory: zeros(9, 1, 4, 8, 8) }),
    /trajectory: recorded with shape \[9,1,4,8,8\], expected \[10,1,4,8,8\]/,
  );
  await refused(
    "scheduler_heun",
    "outputs",
    (tensors) => ({ ...tensors, timesteps: zeros(10) }),
    /no number of steps makes HeunDiscreteScheduler call the network 10 times/,
  );
});

Deno.test("parityRow() is the largest difference over the largest magnitude, and infinite for NaN", () => {
  const of = (actual: number[], recorded: number[]) =>
    parityRow("x", { shape: [2], data: actual }, { shape: [2], data: Float32Array.from(recorded) }, 0.1);
  assert.deepEqual(of([1, -4.5], [1, -5]), { name: "x", scale: 5, error: 0.1, tolerance: 0.1, passed: true });
  assert.equal(of([1.5, -5], [1, -5]).error, 0.1);
  assert.equal(of([0, 0], [0, 0]).passed, true);
  for (const bad of [of([0, 1], [0, 0]), of([NaN, 1], [0, 1]), of([1, 1], [NaN, 1])]) {
    assert.deepEqual([bad.error, bad.passed], [Infinity, false]);
  }
});

Deno.test("formatParity() aligns the rows and counts those that differ", () => {
  const row = { name: "sample", scale: 1.8449, error: 4.51e-7, tolerance: 1e-4, passed: true };
  assert.equal(
    formatParity([row, { ...row, name: "grad_sample", error: Infinity, passed: false }]),
    [
      "name         largest magnitude  largest relative error  allowed",
      "sample                   1.845                  4.5e-7     1e-4       ok",
      "grad_sample              1.845                Infinity     1e-4  DIFFERS",
      "",
      "1 of 2 differ",
    ].join("\n"),
  );
  assert.match(formatParity([row]), /\nall 1 agree$/);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig, parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { imageSide } from "../../../src/experiments/config/image_side.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { UserError } from "../../../src/runtime/errors.ts";

const minimal = `
model: { unet: models/unet, scheduler: models/unet }
adt:
  discriminator: { backbone: models/vit }
train: { steps: 100 }
output: runs/a
`;

/** The minimal configuration with one line changed, or added at the end. */
function faulty(change: [from: string, to: string] | string): string {
  return typeof change === "string" ? `${minimal}${change}\n` : minimal.replace(change[0], change[1]);
}

function messageOf(text: string): string {
  try {
    parseConfig(text, "run.yaml", tuneSchema);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return assert.fail("the configuration was accepted");
}

Deno.test("parseConfig() fills in every default", () => {
  const config = parseConfig(minimal, "run.yaml", tuneSchema);
  assert.deepEqual(config.data, { kind: "digits" });
  assert.deepEqual(config.sampler, { name: "ddim", steps: 10, guidance_scale: 1 });
  assert.deepEqual(config.adt.plan, { kind: "stop-input", steps: 3 });
  assert.deepEqual(config.adt.discriminator.betas, [0, 0.99]);
  assert.equal(config.optimizer.lr, 5e-5);
  assert.equal(config.train.batch_size, 32);
});

Deno.test("parseConfig() keeps what is given and fills in the rest of a part", () => {
  const text = faulty("sampler: { name: euler }\ndata: { kind: folder, path: photos, resolution: 64 }");
  const { sampler, data } = parseConfig(text, "", tuneSchema);
  assert.deepEqual(sampler, { name: "euler", steps: 10, guidance_scale: 1 });
  assert.deepEqual(data, { kind: "folder", path: "photos", resolution: 64, strict: false });
});

Deno.test("stringifyConfig() writes what parseConfig() reads back as it was", () => {
  const config = parseConfig(minimal, "run.yaml", tuneSchema);
  const text = stringifyConfig(config);
  assert.deepEqual(parseConfig(text, "run.yaml", tuneSchema), config);
  assert.match(text, /optimizer:\n {2}lr: 0\.00005\n/);
});

Deno.test("parseConfig(): an unknown key is named, with the nearest one and all that are allowed", () => {
  assert.equal(
    messageOf(faulty("sampler: { stesp: 4 }")),
    'run.yaml: sampler.stesp: there is no such key, did you mean "steps"?; allowed here: name, steps, guidance_scale',
  );
  assert.match(
    messageOf(faulty("ema: 0.9")),
    /ema: there is no such key; allowed here: model, data, sampler, adt/,
  );
  assert.match(
    messageOf(faulty("data: { kind: folder, path: a, resolution: 8, stict: true }")),
    /data\.stict: there is no such key, did you mean "strict"\?; allowed here: kind, path, resolution, split, strict, outside, repeats, also, flip, caption_prefix$/,
  );
  assert.match(
    messageOf(faulty(["steps: 100", "steps: 100, batch_sise: 4"])),
    /train\.batch_sise: there is no such key, did you mean "batch_size"\?/,
  );
});

Deno.test("parseConfig(): a wrong type, value or range names the key, what was given and what is allowed", () => {
  const cases: [Parameters<typeof faulty>[0], string][] = [
    ["optimizer: { lr: fast }", 'optimizer.lr: got "fast", expected a number'],
    ["optimizer: { lr: 0 }", "optimizer.lr: got 0, expected more than 0"],
    ["optimizer: { lr: .inf }", "optimizer.lr: got Infinity, expected a number"],
    ["optimizer: { betas: [0.9, 1] }", "optimizer.betas[1]: got 1, expected less than 1"],
    ["optimizer: { betas: [0.9] }", "optimizer.betas: got 1 items, expected at least 2"],
    ["optimizer: { betas: 0.9 }", "optimizer.betas: got 0.9, expected a list"],
    ["optimizer:", "optimizer: got nothing (null), expected a mapping of keys to values"],
    ["sampler: { steps: 2.5 }", "sampler.steps: got 2.5, expected a whole number"],
    ["sampler: { steps: 5000 }", "sampler.steps: got 5000, expected at most 1000"],
    [
      "sampler: { name: dimm }",
      'sampler.name: got "dimm", expected "ddim" or "ddpm" or "dpmpp_2m" or "euler" or "euler_ancestral" or ' +
      '"flow_euler" or "heun" or "pndm", did you mean "ddim"?',
    ],
    [
      "data: { kind: digit }",
      'data.kind: got "digit", expected "digits" or "pictograms" or "folder", did you mean "digits"?',
    ],
    [
      "data: { kind: pictograms, split: final }",
      'data.split: the pictograms of "final" are for final evaluations alone: expected "train" or "search"',
    ],
    [
      "data: { kind: pictograms, split: tain }",
      'data.split: got "tain", expected "train" or "search" or "final", did you mean "train"?',
    ],
    ["data: { path: photos }", 'data.kind: missing, expected "digits" or "pictograms" or "folder"'],
    [["steps: 100", "batch_size: 4"], "train.steps: missing, expected a number"],
    [["output: runs/a", "output: ''"], 'output: got "", expected at least 1 characters'],
  ];
  for (const [change, expected] of cases) assert.equal(messageOf(faulty(change)), `run.yaml: ${expected}`);
});

Deno.test("parseConfig() lists all faults at once", () => {
  assert.equal(
    messageOf(faulty("optimizer: { lr: -1 }\nsampler: { steps: 0 }")),
    "run.yaml has 2 faults:\n  sampler.steps: got 0, expected at least 1\n  optimizer.lr: got -1, expected more than 0",
  );
});

Deno.test("parseConfig(): a file that is empty or no mapping is refused", () => {
  assert.match(messageOf(""), /model: missing, expected a mapping/);
  assert.equal(
    messageOf("- a\n- b"),
    "run.yaml: the whole file: got a list, expected a mapping of keys to values",
  );
});

Deno.test("parseConfig(): a YAML syntax error names line and column", () => {
  assert.match(messageOf("model: [1,\ntrain: 2\n"), /^run\.yaml is not valid YAML: .* at line 2, column 1/);
  assert.match(messageOf("output: a\noutput: b\n"), /unique at line 2, column 1/);
});

Deno.test("parseConfig() reads a pipeline with a LoRA in place of a UNet, and names what is wrong in either", () => {
  const unet = "{ unet: models/unet, scheduler: models/unet }",
    data = "data: { kind: folder, path: a, resolution: 8 }\n";
  const { model } = parseConfig(
    minimal.replace(unet, "{ pipeline: a/b, lora: { rank: 4 } }") + data,
    "",
    tuneSchema,
  );
  const lora = { rank: 4, targets: "attention" };
  assert.deepEqual(model, { pipeline: "a/b", tune: "lora", lora, checkpointing: true });
  const cases = [
    ["{ unet: a }", "model.scheduler: missing, expected text"],
    ["{ pipeline: a, lora: { rank: 0 } }", "model.lora.rank: got 0, expected at least 1"],
    [
      "{ pipeline: a, lora: { targets: atention } }",
      'model.lora.targets: got "atention", expected "attention" or "attention+feed-forward", did you mean "attention"?',
    ],
    [
      "{ pipeline: a, lora: { ranks: 4 } }",
      'model.lora.ranks: there is no such key, did you mean "rank"?; allowed here: rank, alpha, targets',
    ],
    [
      "{ pipeline: a, chekpointing: true }",
      'model.chekpointing: there is no such key, did you mean "checkpointing"?; allowed here: pipeline, config_from, tune, lora, ' +
      "base, checkpointing, cache",
    ],
  ] as const;
  for (const [given, expected] of cases) {
    assert.equal(messageOf(minimal.replace(unet, given) + data), `run.yaml: ${expected}`);
  }
  assert.equal(
    messageOf(minimal.replace(unet, "{ pipeline: a }")),
    'run.yaml: data.kind: a pipeline is tuned on captioned images: expected "folder" or "pictograms"',
  );
});

Deno.test("parseConfig() refuses groups of unequal size", () => {
  const text = faulty(["adt:", "adt:\n  start_groups: 5"]);
  assert.match(messageOf(text), /adt\.start_groups: .*must divide train\.batch_size/);
});

Deno.test("parseConfig() refuses a loss with no weight", () => {
  const text = faulty(["adt:", "adt:\n  lambda_adv: 0\n  lambda_diffusion: 0"]);
  assert.match(messageOf(text), /adt\.lambda_adv: got 0, and lambda_diffusion is 0 too/);
});

Deno.test("data of pictograms: the training split and 64 pixels, unless it says otherwise", () => {
  const base = {
    model: {},
    objective: { kind: "diffusion", scheduler: {} },
    train: { steps: 1 },
    output: "runs/a",
  };
  const config = pretrainSchema.parse({ ...base, data: { kind: "pictograms" } });
  assert.deepEqual(config.data, { kind: "pictograms", split: "train" });
  assert.equal(imageSide(config.data), 64);
});

Deno.test("pretrainSchema takes a model's config inline", () => {
  const text = `
model: { _class_name: UNet2DConditionModel, sample_size: 14 }
objective: { kind: diffusion, scheduler: { _class_name: DDIMScheduler } }
train: { steps: 10 }
output: runs/base
`;
  const { model, objective } = parseConfig(text, "base.yaml", pretrainSchema);
  assert.deepEqual(model, { _class_name: "UNet2DConditionModel", sample_size: 14 });
  assert.deepEqual(objective, {
    kind: "diffusion",
    scheduler: { _class_name: "DDIMScheduler" },
    latents: "space_to_depth",
    condition_dropout: 0.1,
  });
  assert.throws(
    () => parseConfig(text.replace("diffusion", "diffuson"), "base.yaml", pretrainSchema),
    /objective\.kind: got "diffuson", expected "diffusion" or .*"masked_image".*, did you mean "diffusion"/,
  );
});

Deno.test("loadConfig() names a file that cannot be read", async () => {
  const folder = await Deno.makeTempDir();
  await assert.rejects(loadConfig(join(folder, "none.yaml"), tuneSchema), {
    name: "UserError",
    message: /no such file/,
  });
  await assert.rejects(loadConfig(folder, tuneSchema), { name: "UserError", message: /this is a folder/ });
  await Deno.writeTextFile(join(folder, "run.yaml"), minimal);
  assert.equal((await loadConfig(join(folder, "run.yaml"), tuneSchema)).output, "runs/a");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("parseConfig(): messages have an end, whatever the file holds", () => {
  const prose = "It was a dark and stormy night. ".repeat(1900);
  const manyKeys = Array.from({ length: 500 }, (_, i) => `key${i}: ${i}`).join("\n");
  for (
    const text of [prose, `${prose}: 1`, `model: {a: "${prose}"}`, manyKeys, `- ${prose}`, "{".repeat(5000)]
  ) {
    const message = messageOf(text);
    assert.ok(message.length < 5000 && message.split("\n").length < 16, message.slice(0, 300));
  }
  assert.equal(
    messageOf(prose),
    "run.yaml: the whole file: got a text, expected a mapping of keys to values",
  );
  assert.match(messageOf(manyKeys), /\n {2}and \d{3} more$/);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fixture } from "../support.ts";
import { adt, type Outcome, tinyTraining, withFolder } from "./support.ts";

/** Fails unless the call ended with code 1 and one message on stderr, without a stack. */
function assertRefused({ code, stdout, stderr }: Outcome, message: RegExp): void {
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
}

Deno.test("a wrong key in a configuration is named with the nearest one, and nothing is written", () =>
  withFolder(async (folder) => {
    const file = await tinyTraining(folder, "ema_deacy: 0.9");
    assertRefused(
      await adt("pretrain", file),
      /^error: .*tiny\.yaml: ema_deacy: there is no such key, did you mean "ema_decay"\?/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["tiny.yaml"]);
  }));

Deno.test("a tuning that is refused leaves no folder behind, and none of its own in one that was there", () =>
  withFolder(async (folder) => {
    const file = join(folder, "tune.yaml"), run = join(folder, "run");
    const unet = JSON.stringify(join(folder, "none"));
    const settings = `{ model: { unet: ${unet}, scheduler: ${unet} }, train: { steps: 1 }, ` +
      `adt: { discriminator: { backbone: ${unet} } }, output: ${JSON.stringify(run)} }`;
    await Deno.writeTextFile(file, settings);
    assertRefused(await adt("tune", file), /error: .*none/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["tune.yaml"]);
    await Deno.mkdir(run);
    assertRefused(await adt("tune", file), /error: .*none/);
    assert.deepEqual([...Deno.readDirSync(run)], []);
  }));

Deno.test("what is no configuration is refused in a few lines", () =>
  withFolder(async (folder) => {
    const picture = fileURLToPath(new URL("../../data/digits/train-0.png", import.meta.url));
    const prose = join(folder, "notes.txt");
    await Deno.writeTextFile(prose, "It was a dark and stormy night. ".repeat(1900));
    assertRefused(await adt("tune", picture), /error: .* is no text file; a text in UTF-8 was expected\n$/);
    const outcome = await adt("tune", prose);
    assertRefused(
      outcome,
      /error: .*notes\.txt: the whole file: got a text, expected a mapping of keys to values\n$/,
    );
    assert.ok(outcome.stderr.length < 400, outcome.stderr);
  }));

Deno.test("a model that is not there, or is of another class, is named", () =>
  withFolder(async (folder) => {
    const output = join(folder, "samples.png"), dinov2 = fixture("dinov2");
    const [missing, other] = await Promise.all([
      adt("sample", "--model", join(folder, "none"), "--output", output),
      adt("sample", "--model", dinov2, "--scheduler", fixture("scheduler_ddim"), "--output", output),
    ]);
    assertRefused(missing!, /error: cannot read .*none.config\.json .*; a model folder in diffusers'/);
    assertRefused(
      other!,
      /error: .*dinov2.config\.json is a config for .*Dinov2Model.*, expected UNet2DConditionModel/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("adt sample draws prompts from a pipeline, and names a LoRA that does not fit it", () =>
  withFolder(async (folder) => {
    const output = join(folder, "cats"), pipeline = ["--pipeline", fixture("pipeline_sd15")];
    const options = [
      ...pipeline,
      "--prompt",
      "a cat",
      "a dog",
      "--size",
      "16",
      "--steps",
      "1",
      "--output",
      output,
    ];
    const { code, stdout, stderr } = await adt("sample", ...options);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${output}\n` }, stderr);
    const lines = (await Deno.readTextFile(join(output, "metadata.jsonl"))).trim().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line).text), ["a cat", "a dog"]);
    const other = join(folder, "other.png"), lora = fixture("lora/diffusers_sd3.safetensors");
    assertRefused(
      await adt("sample", ...pipeline, "--prompt", "a cat", "--lora", lora, "--output", other),
      /error: .*diffusers_sd3\.safetensors: \d+ tensors belong to no layer of unet, text_encoder/,
    );
  }));

Deno.test("an output folder that cannot be made is an error that names it", () =>
  withFolder(async (folder) => {
    const file = await tinyTraining(folder);
    assertRefused(
      await adt("pretrain", file, "--output", join(file, "run")),
      /error: cannot use the folder .*run for a run/,
    );
  }));

Deno.test("--verbose shows the stack of an error", async () => {
  const { code, stderr } = await adt("tune", "none.yaml", "--verbose");
  assert.match(stderr, /^error: UserError: none\.yaml: no such file\n +at /);
  assert.equal(code, 1);
});

Deno.test("options that say nothing to what is asked for are refused, not passed over", async () => {
  const outcomes = await Promise.all([
    adt("sample", "--model", "x", "--lora", "y"),
    adt("sample", "--model", "x", "--lora-strength", "1"),
    adt("sample", "--pipeline", "x", "--prompt", "y", "--lora", "a", "b", "--lora-strength", "0.5"),
    adt("sample", "--pipeline", "x", "--prompt", "y", "--lora", "a", "--lora-strength", "NaN"),
    adt("evaluate", "--model", "x", "--features", "clip"),
    adt("evaluate", "--a", "x", "--b", "y", "--steps", "3"),
  ]);
  const messages = [
    /--lora is for pipelines \(--pipeline\), not for --model/,
    /--lora-strength is for pipelines \(--pipeline\), not for --model/,
    /--lora-strength: 1 given for 2 LoRAs; give one for each --lora, in their order/,
    /--lora-strength <numbers\.\.\.>' argument 'NaN' is invalid\. It must be a number/,
    /--features is for folders of images \(--a, --b\) and pipelines, not for models of the digits/,
    /--steps is for models, not for folders of images/,
  ];
  for (const [i, { code, stderr }] of outcomes.entries()) {
    assert.match(stderr, messages[i]!);
    assert.equal(code, 2);
  }
});

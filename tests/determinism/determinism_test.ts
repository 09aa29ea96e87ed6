import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringifyConfig } from "../../src/experiments/config/config.ts";
import type { Backend } from "../../src/runtime/engine/backends.ts";
import { tinyTraining } from "../cli/support.ts";
import { withStudy } from "../experiments/ablate/tiny_study.ts";
import { withGoldenTuning } from "../experiments/tune/golden.ts";
import { withPipelineTuning } from "../experiments/tune/tiny_pipeline_tuning.ts";
import { contentsOf } from "../kills/contents.ts";
import { untestable } from "../runtime/engine/on_every_engine.ts";
import { compared, type Numbers, OF_ENGINES, OF_THREADS, type Tolerances } from "./compared.ts";

const UNET = fileURLToPath(new URL("../../data/models/digits-unet", import.meta.url));

/** Runs a script of this folder in a process of its own. */
async function inProcess(script: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", path, ...args],
    env: { NO_COLOR: "1", ...env },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Gives a test calls of the command line of every kind that computes, and the folder that they write into. */
function withCalls(test: (calls: string[][], work: string) => Promise<void>): Promise<void> {
  return withGoldenTuning(
    "digits-adt",
    (digits) =>
      withPipelineTuning("pipeline_sd15", (pipeline, _, folder) =>
        withStudy(async (study) => {
          const work = join(folder, "work"), model = { ...pipeline.model, cache: join(work, "cache") };
          const train = { ...digits.train, steps: 7, batch_size: 8 };
          const unet = join(folder, "unet.yaml"), lora = join(folder, "lora.yaml");
          await Deno.writeTextFile(
            lora,
            stringifyConfig({ ...pipeline, model, output: join(work, "pipeline") }),
          );
          await Deno.writeTextFile(unet, stringifyConfig({ ...digits, train, output: join(work, "unet") }));
          const { classifier } = study.evaluate as { classifier: string };
          const drawn = ["--model", UNET, "--steps", "4", "--n", "40"];
          await test([
            ["tune", unet],
            ["tune", lora],
            ["pretrain", await tinyTraining(folder), "--output", join(work, "pretrained")],
            ["sample", ...drawn, "--output", join(work, "samples.png")],
            ["evaluate", ...drawn, "--classifier", classifier, "--json", join(work, "scores.json")],
          ], work);
        })),
  );
}

Deno.test("the same seed in another process gives the same bytes: tune, pretrain, sample, evaluate", () =>
  withCalls(async (calls, work) => {
    const contents = async () => {
      await Deno.mkdir(work);
      await inProcess("./calls.ts", [JSON.stringify(calls)]);
      const found = await contentsOf(work);
      await Deno.remove(work, { recursive: true });
      return found;
    };
    const first = await contents();
    assert.ok("samples.png" in first && join("unet", "metrics.jsonl") in first, Object.keys(first).join());
    assert.deepEqual(await contents(), first);
  }));

/** What a tuning computes on an engine, on so many threads. */
async function numbersOf(
  kind: "digits" | "tiny",
  updates: number,
  backend: Backend,
  threads: number,
): Promise<Numbers> {
  const file = await Deno.makeTempFile();
  try {
    await inProcess("./numbers.ts", [kind, String(updates), file], {
      ADT_BACKEND: backend,
      TF_NUM_INTRAOP_THREADS: String(threads),
    });
    return JSON.parse(await Deno.readTextFile(file));
  } finally {
    await Deno.remove(file);
  }
}

function assertWithin(tolerances: Tolerances, actual: Numbers, expected: Numbers): void {
  for (const [name, difference] of Object.entries(compared(actual, expected))) {
    const allowed = tolerances[name as keyof Numbers];
    assert.ok(difference <= allowed, `${name} differ by ${difference}, allowed ${allowed}`);
  }
}

Deno.test("one and two threads give the same numbers, as far as docs/precision.md says", async () => {
  if (await untestable("tensorflow")) return;
  const [one, two] = [
    await numbersOf("digits", 20, "tensorflow", 1),
    await numbersOf("digits", 20, "tensorflow", 2),
  ];
  assertWithin(OF_THREADS, two, one);
});

/** Engines, and how many updates are compared: a graphics card's software driver takes seconds for each. */
const UPDATES = { wasm: 20, webgpu: 2 } as const;

for (const [backend, updates] of Object.entries(UPDATES) as [keyof typeof UPDATES, number][]) {
  const ignore = [await untestable("tensorflow"), await untestable(backend)].some(Boolean);
  Deno.test({
    name: `TensorFlow and ${backend} give the same numbers, as far as docs/precision.md says`,
    ignore,
    async fn() {
      const [expected, actual] = [
        await numbersOf("tiny", updates, "tensorflow", 2),
        await numbersOf("tiny", updates, backend, 2),
      ];
      assertWithin(OF_ENGINES, actual, expected);
    },
  });
}

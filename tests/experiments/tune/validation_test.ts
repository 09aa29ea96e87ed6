import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { readValidation, validationFilms } from "../../../src/experiments/generate/validation_pictures.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { validationPrompts } from "../../../src/experiments/tune/validation.ts";
import { LORA_FILE_NAME } from "../../../src/lora/lora_file.ts";
import { listImages } from "../../../src/data/image_list.ts";
import { contentsOf } from "../../kills/contents.ts";
import { fixture, steadyTensors } from "../../support.ts";
import { withPipelineTuning } from "./tiny_pipeline_tuning.ts";

const VALIDATION = { prompts: ["a cat", "", "a house"], every: 2, steps: 1 };

Deno.test("a tuning with a validation has bitwise the weights and the log of one without, and its pictures", () =>
  withPipelineTuning("pipeline_sd15", async (given, _, folder) => {
    const of = (name: string, changes = {}) => {
      const settings = {
        ...given,
        train: { ...given.train, steps: 3 },
        output: join(folder, name),
        ...changes,
      };
      return parseConfig(stringifyConfig(settings), "settings", tuneSchema);
    };
    const plain = of("plain"), config = of("validated", { validation: VALIDATION });
    await tune(plain);
    const seen: number[] = [];
    await steadyTensors((after) =>
      tune(config, {
        onValidation({ step, images: { shape } }) {
          seen.push(step);
          assert.deepEqual(shape, [3, 32, 32, 3]);
          after();
        },
      })
    );
    for (const name of [join("weights", LORA_FILE_NAME), "metrics.jsonl"]) {
      assert.deepEqual(
        await Deno.readFile(join(config.output, name)),
        await Deno.readFile(join(plain.output, name)),
      );
    }
    assert.deepEqual(seen, [0, 2, 3]);
    const pictures = await readValidation(config.output);
    assert.deepEqual(
      pictures.map(({ step, prompts }) => [step, ...prompts]),
      [0, 2, 3].map((step) => [step, ...VALIDATION.prompts]),
    );
    assert.notDeepEqual(pictures[2]!.images.data, pictures[0]!.images.data);
    const [film] = await validationFilms([{ name: "run", folder: config.output }, {
      name: "none",
      folder: plain.output,
    }]);
    assert.equal(film!.picture.figure.frames!.length, 3);
    const { entries } = await listImages(join(config.output, "validation", "step-000002"));
    assert.deepEqual(entries.map(({ caption }) => caption), VALIDATION.prompts, "a data set like others");

    const stopped = of("stopped", { validation: VALIDATION }), stop = new AbortController();
    await tune(stopped, { signal: stop.signal, onStep: (step) => step === 2 ? stop.abort() : undefined });
    const first = join(stopped.output, "validation", "step-000000");
    await Deno.remove(join(first, "metadata.jsonl")); // as if it had been killed while it drew
    await tune(stopped, { resume: true });
    assert.deepEqual((await readValidation(stopped.output)).map(({ step }) => step), [2, 3]);
    for (const run of [stopped, config]) {
      await Deno.remove(join(run.output, "validation", "step-000000"), { recursive: true });
    }
    const drawn = (run: string) => contentsOf(join(run, "validation"));
    assert.deepEqual(await drawn(stopped.output), await drawn(config.output));
  }));

Deno.test("a validation that cannot be is refused", () =>
  withPipelineTuning("pipeline_sd15", async (config, _, folder) => {
    const parsed = (changes: object) =>
      parseConfig(stringifyConfig({ ...config, ...changes }), "settings", tuneSchema);
    const refused = (changes: object, message: RegExp) =>
      assert.throws(() => parsed(changes), { name: "UserError", message });
    refused({ validation: {} }, /validation\.prompts: expected either prompts, or a file/);
    refused({ validation: { prompts: ["a"], file: "b" } }, /validation\.prompts: expected either/);
    refused({ validation: { prompts: [] } }, /validation\.prompts: got 0 items, expected at least 1/);
    const unet = fixture("unet_class"), model = { unet, scheduler: unet };
    refused({ validation: VALIDATION, model, data: { kind: "digits" } }, /validation: is for pipelines/);
    const file = join(folder, "prompts.txt"),
      validation = { ...VALIDATION, prompts: undefined, file, seed: 0 };
    await assert.rejects(tune(parsed({ validation: { every: 1, file } })), /prompts\.txt/);
    await Deno.writeTextFile(file, "a cat\r\n\n  \na house");
    assert.deepEqual(await validationPrompts(validation), ["a cat", "a house"]);
    await Deno.writeTextFile(file, "\n");
    await assert.rejects(
      validationPrompts(validation),
      /prompts\.txt: 0 prompts, expected 1 to 64, one a line/,
    );
  }));

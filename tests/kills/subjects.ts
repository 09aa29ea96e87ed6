import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringifyConfig } from "../../src/experiments/config/config.ts";
import { isThere } from "../../src/runtime/files.ts";
import { withStudy } from "../experiments/ablate/tiny_study.ts";
import { withPipelineTuning, writeCaptions, writeImage } from "../experiments/tune/tiny_pipeline_tuning.ts";
import type { KilledCommand, Subject } from "./subject.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)), CLI = join(ROOT, "src", "cli.ts");

const run = (script: string, ...args: string[]) => ["run", "--quiet", "-A", script, ...args];

/** What the commands of this project do for long, each at its smallest. */
export const SUBJECTS: readonly Subject[] = [
  { name: "demo", withCommand: withDemo },
  { name: "tune", withCommand: withTune },
  { name: "ablate", withCommand: withAblate },
  { name: "cache", withCommand: withCache },
];

type Test = (command: KilledCommand) => Promise<void>;

/** `adt demo` of a project whose bundled models are untrained and tiny, and whose trainings are short. */
function withDemo(test: Test): Promise<void> {
  return withStudy(async ({ base }, file) => {
    const folder = dirname(file), project = join(folder, "project"), work = join(folder, "work");
    await Deno.mkdir(join(project, "data", "configs"), { recursive: true });
    await Deno.mkdir(join(project, "data", "models"));
    for (const name of ["src", "vendor", "deno.json", "deno.lock", "data/manifest.json", "data/digits"]) {
      await Deno.symlink(join(ROOT, name), join(project, name));
    }
    await Deno.symlink(join(folder, "classifier"), join(project, "data", "models", "digits-classifier"));
    const config = base as { adt: object };
    const methods = {
      "digits-adt": config,
      "digits-diffusion-only": { ...config, adt: { ...config.adt, lambda_adv: 0 } },
    };
    for (const [name, method] of Object.entries(methods)) {
      await Deno.writeTextFile(join(project, "data", "configs", `${name}.yaml`), stringifyConfig(method));
    }
    const cli = join(project, "src", "cli.ts");
    await test({
      work,
      args: () => run(cli, "demo", "--n", "100", "--jobs", "2", "--output", join(work, "demo")),
    });
  });
}

/** `adt tune` of a pipeline, its cache included. */
function withTune(test: Test): Promise<void> {
  return withPipelineTuning("pipeline_sd15", async (config, file, folder) => {
    const work = join(folder, "work"), output = join(work, "run");
    const model = { ...config.model, cache: join(work, "cache") }, train = { ...config.train, steps: 4 };
    await Deno.writeTextFile(file, stringifyConfig({ ...config, model, train, output }));
    const resume = async () => await isThere(join(output, "config.yaml")) ? ["--resume"] : [];
    await test({ work, args: async () => run(CLI, "tune", file, ...await resume()) });
  });
}

/** `adt ablate --jobs 2` of an untuned arm and two that are tuned. */
function withAblate(test: Test): Promise<void> {
  return withStudy(async (input, file) => {
    const work = join(dirname(file), "work"), study = { ...input, seeds: [0], output: join(work, "study") };
    await Deno.writeTextFile(file, stringifyConfig(study));
    await test({ work, args: () => run(CLI, "ablate", file, "--jobs", "2") });
  });
}

/** The encoding of a folder of images, with a caption each. */
function withCache(test: Test): Promise<void> {
  return withPipelineTuning("pipeline_sd15", async (config, file, folder) => {
    const work = join(folder, "work"), images = join(folder, "images");
    const captions = Array.from({ length: 40 }, (_, i) => `a photo of ${i} cats`);
    for (const i of captions.keys()) await writeImage(join(images, `${i}.png`), i);
    await writeCaptions(images, captions);
    await Deno.writeTextFile(
      file,
      stringifyConfig({ ...config, model: { ...config.model, cache: join(work, "cache") } }),
    );
    await test({ work, args: () => run(fileURLToPath(new URL("./encode.ts", import.meta.url)), file) });
  });
}

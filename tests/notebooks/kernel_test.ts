import assert from "node:assert/strict";
import { withTuning } from "../experiments/tune/tiny_tuning.ts";
import { executeCells, FOLDER, join, notebookNames, readNotebook, shownTexts } from "./notebook.ts";

const counted = `
import { collectGarbage } from "../src/runtime/engine/unreachable.ts";
import { backend, onTensorflow } from "../src/runtime/tensorflow/backend.ts";
for (let i = 0; i < 3; i++) await collectGarbage(); // what is freed may have held more
await show(JSON.stringify({ ...tf.memory(), handles: onTensorflow() ? backend().binding.getNumOfTensors() : 0 }));`;

/** What `counted` has shown, in order. */
const counts = (texts: string[]) =>
  texts.filter((text) => text.includes("numTensors")).map((text) =>
    JSON.parse(text) as { numTensors: number; numBytes: number; handles: number }
  );

Deno.test("a cell that is run 20 times leaves no more tensors than one that is run once", async () => {
  const first = `
import * as tf from "@tensorflow/tfjs";
import { adtFunctions, classTokens, freeUnreachableTensors, imageGrid, lineFigure, normalBatch } from "../mod.ts";
import { parseConfig, prepareTuning, sample, show, startEngine, tuneSchema } from "../mod.ts";
freeUnreachableTensors();
await startEngine();
const file = "../data/configs/digits-adt.yaml";
const yaml = (await Deno.readTextFile(file)).replaceAll("data/models", "../data/models");`;
  const cell = `
const { setup, initial } = await prepareTuning(parseConfig(yaml, file, tuneSchema));
const functions = adtFunctions(setup), states = [];
const noise = tf.tensor(normalBatch({ seed: 1, purpose: "test", step: 0 }, [0, 1], [14, 14, 4]), [2, 14, 14, 4]);
const weights = { weights: initial.generator.weights }, condition = classTokens([3, 4], 10);
const keep = { from: 8, onStep: ({ before }) => void states.push(before.clone()) };
const end = await sample(functions.denoiser, weights, setup.sampler, noise, condition, keep);
await show(end);
await show(await imageGrid(setup.autoencoder.decode(end)));
await show(lineFigure([{ name: "a", x: [0], y: [1] }], { title: "t", x: { label: "x" }, y: { label: "y" } }));`;
  const repeated = Array.from({ length: 20 }, () => cell);
  const { problem, notebook } = await executeCells([first, cell, counted, ...repeated, counted]);
  assert.equal(problem, "");
  const [once, often] = counts(shownTexts(notebook));
  assert.ok(once!.numTensors > 10);
  assert.deepEqual(often, once);
});

const [course] = notebookNames();
Deno.test(`${course} that is run twice takes no more memory of tensors`, async () => {
  const { cells } = await readNotebook(`${FOLDER}/${course}`);
  const code = cells.filter((cell) => cell.cell_type === "code").map(({ source }) => join(source));
  const { problem, notebook } = await executeCells([...code, counted, ...code, counted]);
  assert.equal(problem, "");
  const [once, twice] = counts(shownTexts(notebook));
  assert.deepEqual(twice, once);
});

Deno.test("Stop ends a tuning within a step, its checkpoint is written, and the kernel goes on from there", async () => {
  await withTuning(async (_, file) => {
    const cells = [
      `import { loadConfig, show, startEngine, stopSignal, tune, tuneSchema } from "../mod.ts";
      await startEngine();
      const config = await loadConfig(${JSON.stringify(file)}, tuneSchema), kept = [1, 2, 3];`,
      `const signal = stopSignal();
      const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve));
      const { steps } = await tune(config, {
        signal,
        async onStep(step) {
          if (step > 1) throw new Error("the tuning went on");
          await show("one step done");
          await stopped;
        },
      });
      await show({ steps, kept });`,
      `const resumed = await tune(config, { resume: true, signal: stopSignal() });
      await show({ steps: resumed.steps, stoppedAfter: steps });`,
    ];
    const { problem, notebook } = await executeCells(cells, { stopAt: "one step done" });
    assert.equal(problem, "");
    const texts = shownTexts(notebook);
    assert.ok(texts.includes("steps: 1\nkept: [1, 2, 3]"), texts.join("\n"));
    assert.ok(texts.includes("steps: 4\nstoppedAfter: 1"), texts.join("\n"));
  });
});

Deno.test("Stop ends a roll-out with an error that says so, frees its tensors, and the kernel lives", async () => {
  const cells = [
    `import * as tf from "@tensorflow/tfjs";
    import { classTokens, loadGenerator, sample, show, startEngine, stopSignal } from "../mod.ts";
    await startEngine();
    const sampler = { name: "ddim", steps: 5, guidance_scale: 1 } as const;
    const model = await loadGenerator({ unet: "../data/models/digits-unet", sampler });
    const noise = tf.randomNormal([2, 14, 14, 4]), condition = classTokens([3, 4], 10);
    const before = tf.memory().numTensors;`,
    `const signal = stopSignal();
    const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve));
    const onStep = async () => (await show("a step done"), await stopped);
    try {
      await sample(model.denoiser, model.params, model.sampler, noise, condition, { signal, onStep });
    } catch (error) {
      await show(String(error));
    }`,
    `await show({ left: tf.memory().numTensors - before, aborted: stopSignal().aborted });`,
  ];
  const { problem, notebook } = await executeCells(cells, { stopAt: "a step done" });
  assert.equal(problem, "");
  const texts = shownTexts(notebook).slice(-3); // before them, what the first cell says of the engine
  assert.deepEqual(texts, [
    "a step done",
    "AbortError: stopped by Stop or Ctrl-C",
    "left: 0\naborted: false",
  ]);
});

Deno.test("an error of the module shows its own words first", async () => {
  const { notebook } = await executeCells([
    `import { UserError } from "../mod.ts";
    throw new UserError("given 3, expected 4");`,
  ]);
  const [{ ename, evalue, traceback }] = notebook.cells[0]!.outputs as unknown as [Record<string, unknown>];
  assert.deepEqual([ename, evalue], ["UserError", "given 3, expected 4"]);
  assert.match((traceback as string[])[0]!, /^UserError: given 3, expected 4$/);
});

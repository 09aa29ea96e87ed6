import { executeCells, shownTexts } from "../notebooks/notebook.ts";
import type { Sample } from "./sample.ts";

const FIRST = `
import * as tf from "@tensorflow/tfjs";
import { adtFunctions, classTokens, freeUnreachableTensors, imageGrid, normalBatch } from "../mod.ts";
import { parseConfig, prepareTuning, sample, show, startEngine, tuneSchema } from "../mod.ts";
import { sampler } from "../tests/soak/sample.ts";
freeUnreachableTensors();
await startEngine();
const file = "../data/configs/digits-adt.yaml", measure = sampler(), samples = [];
const yaml = (await Deno.readTextFile(file)).replaceAll("data/models", "../data/models");`;

/** Samples digits and shows them; what it made before is out of reach when it is run again. */
const CELL = `
const { setup, initial } = await prepareTuning(parseConfig(yaml, file, tuneSchema));
const functions = adtFunctions(setup), weights = { weights: initial.generator.weights };
const noise = tf.tensor(normalBatch({ seed: 1, purpose: "test", step: 0 }, [0, 1], [14, 14, 4]), [2, 14, 14, 4]);
const end = await sample(functions.denoiser, weights, setup.sampler, noise, classTokens([3, 4], 10), { from: 8 });
await show(await imageGrid(setup.autoencoder.decode(end)));
samples.push(await measure(samples.length + 1));`;

/** Runs a cell of a notebook again and again in the Deno kernel. */
export async function cellSamples(count: number): Promise<Sample[]> {
  const cells = [FIRST, ...Array<string>(count).fill(CELL), `await show(JSON.stringify(samples));`];
  const { problem, notebook } = await executeCells(cells);
  if (problem) throw new Error(problem);
  return JSON.parse(shownTexts(notebook).at(-1)!);
}

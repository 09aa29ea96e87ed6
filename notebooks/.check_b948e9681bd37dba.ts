// cell 2
import * as tf from "@tensorflow/tfjs";
import {
  addNoise,
  barFigure,
  classTokens,
  coefficientsToEnd,
  digitsDataset,
  estimateX0,
  imageGrid,
  lineFigure,
  loadParams,
  loadSampler,
  normalBatch,
  readConfig,
  sample,
  show,
  spaceToDepth,
  startEngine,
  unet2DCondition,
  unetDenoiser,
} from "/tmp/w/nb/mod.ts";

await show(await startEngine());
// cell 4
const folder = "/tmp/w/nb/model";
const unet = unet2DCondition(await readConfig(folder));
const params = await loadParams(folder, unet.declarations);
const sampler = await loadSampler(folder, 10);
const denoiser = unetDenoiser(unet, sampler.predictionType);
const autoencoder = spaceToDepth(2);

const weights = Object.values(params).reduce((sum, weight) => sum + weight.size, 0);
await show({
  weights,
  sampler: sampler.name,
  predicts: sampler.predictionType,
  timesteps: sampler.timesteps,
});
// cell 6
const heldOut = await digitsDataset("heldout");
const batch = await heldOut.get(Array.from({ length: 64 }, (_, i) => i));
const labels = batch.labels!, condition = classTokens(labels, 10);
const x0 = autoencoder.encode(batch.images);

const samples = Array.from({ length: 64 }, (_, i) => i);
const noise = tf.tensor(
  normalBatch({ seed: 1, purpose: "notebook", step: 0 }, samples, [14, 14, 4]),
  x0.shape,
);

await show(x0);
await show(await imageGrid(batch.images, { columns: 16, captions: Array.from(labels, String) }));
// cell 8
await show(lineFigure([
  { name: "α: image", x: sampler.timesteps, y: sampler.levels.map(({ alpha }) => alpha).slice(0, -1) },
  { name: "σ: noise", x: sampler.timesteps, y: sampler.levels.map(({ sigma }) => sigma).slice(0, -1) },
], { title: "Noise levels on the sampler's grid", x: { label: "timestep t" }, y: { label: "amplitude" } }));
// cell 9
const rows = [0, 1, 2, 3];
const firstRows = (x: tf.Tensor) => x.slice(0, rows.length);
const asFilm = (frames: tf.Tensor[]) =>
  // frames of [rows,14,14,4] → images [rows·frames,28,28,3], row by row
  autoencoder.decode(tf.stack(frames, 1).reshape([-1, 14, 14, 4])) as tf.Tensor4D;
const captions = [...sampler.timesteps.map((t) => `t = ${t}`), "end"];

const noised = captions.map((_, i) => firstRows(addNoise(sampler, i, x0, noise)));
await show(await imageGrid(asFilm(noised), { columns: captions.length, captions }));
// cell 11
const states: tf.Tensor[] = [], estimates: tf.Tensor[] = [], outputs: tf.Tensor[] = [];
const end = await sample(denoiser, params, sampler, noise, condition, {
  onStep({ index, before, output }) {
    states.push(before.clone());
    outputs.push(output.clone());
    estimates.push(estimateX0(sampler.steps[index]!, before, output));
  },
});
await show(await imageGrid(asFilm([...states, end].map(firstRows)), { columns: captions.length, captions }));
// cell 12
await show(
  await imageGrid(asFilm([...estimates, end].map(firstRows)), { columns: captions.length, captions }),
);
// cell 14
await show(
  await imageGrid(autoencoder.decode(end) as tf.Tensor4D, {
    columns: 16,
    captions: Array.from(labels, String),
  }),
);
// cell 16
const starts = captions.map((_, i) => i); // 0: white noise … 10: the image itself, no step at all
const ends: tf.Tensor[] = [];
for (const from of starts) {
  const start = addNoise(sampler, from, x0, noise);
  ends.push(await sample(denoiser, params, sampler, start, condition, { from }));
}
const labelled = captions.map((_, i) => i === starts.length - 1 ? "image" : `${starts.length - 1 - i} steps`);
await show(
  await imageGrid(asFilm(ends.map(firstRows)), { columns: starts.length, captions: labelled }),
);
// cell 17
const meanSquare = async (x: tf.Tensor) => (await tf.mean(tf.square(x)).data())[0]!;

const distances = await Promise.all(ends.map((x) => meanSquare(tf.sub(x, x0))));
await show(lineFigure([{ name: "distance", x: starts.map((i) => starts.length - 1 - i), y: distances }], {
  title: "Distance of the result to the image it started from",
  x: { label: "steps run" },
  y: { label: "mean squared difference per pixel" },
}));
// cell 19
const { start: A, c } = coefficientsToEnd(sampler);
const rebuilt = outputs.reduce((sum, m, i) => tf.add(sum, tf.mul(m, c[i]!)), tf.mul(noise, A));
const largest = (await tf.max(tf.abs(tf.sub(rebuilt, end))).data())[0]!;

await show({ A, "largest difference": largest });
await show(sampler.steps.map(({ timestep, a, b }, i) => ({ step: i, timestep, a, b, c: c[i] })));
// cell 21
const weightsOf = await Promise.all([10, 20, 50].map(async (steps) => {
  const finer = await loadSampler(folder, steps);
  return {
    name: `${steps} steps`,
    x: finer.timesteps,
    y: coefficientsToEnd(finer).c.map((c) => steps * Math.abs(c)),
  };
}));
await show(lineFigure(weightsOf, {
  title: "How much each network call weighs in the final image",
  x: { label: "timestep t" },
  y: { label: "number of steps × |c|" },
}));
// cell 23
async function errorsFrom(from: number) {
  const oneCall: number[] = [], chain: number[] = [], depth: number[] = [];
  await sample(denoiser, params, sampler, addNoise(sampler, from, x0, noise), condition, {
    from,
    async onStep({ index, timestep, before, output }) {
      const step = sampler.steps[index]!, real = addNoise(sampler, index, x0, noise);
      const t = tf.fill([real.shape[0]!], timestep);
      const fromReal = denoiser.forward(params, tf.mul(real, step.inputScale), t, condition);
      oneCall.push(await meanSquare(tf.sub(estimateX0(step, real, fromReal), x0)));
      chain.push(await meanSquare(tf.sub(estimateX0(step, before, output), x0)));
      depth.push(index - from);
    },
  });
  return { oneCall, chain, depth };
}

const early = await errorsFrom(2), late = await errorsFrom(6);
await show(lineFigure([
  { name: `chain from t = ${sampler.timesteps[2]}`, x: early.depth, y: early.chain },
  { name: "one call", x: early.depth, y: early.oneCall },
  { name: `chain from t = ${sampler.timesteps[6]}`, x: late.depth, y: late.chain },
  { name: "one call", x: late.depth, y: late.oneCall },
], {
  title: "Error of the estimated image, against depth",
  x: { label: "network calls made before" },
  y: { label: "mean squared error per pixel", log: true },
}));
// cell 25
const statistics = async (x: tf.Tensor) => {
  const { mean, variance } = tf.moments(x);
  return { brightness: (await mean.data())[0]!, contrast: Math.sqrt((await variance.data())[0]!) };
};
const fromChain = await Promise.all(estimates.map(statistics));
const fromReal = await Promise.all(sampler.steps.map((step, i) => {
  const real = addNoise(sampler, i, x0, noise), t = tf.fill([real.shape[0]!], step.timestep);
  return statistics(
    estimateX0(step, real, denoiser.forward(params, tf.mul(real, step.inputScale), t, condition)),
  );
}));
const target = await statistics(x0);

await show(lineFigure([
  { name: "chain from white noise", x: sampler.timesteps, y: fromChain.map(({ contrast }) => contrast) },
  {
    name: "one call on noised real digits",
    x: sampler.timesteps,
    y: fromReal.map(({ contrast }) => contrast),
  },
  { name: "real digits", x: sampler.timesteps, y: sampler.timesteps.map(() => target.contrast) },
], {
  title: "Contrast of the estimated images",
  x: { label: "timestep t" },
  y: { label: "standard deviation of pixels" },
}));
export {};

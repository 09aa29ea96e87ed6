import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Dinov2Config } from "../models/dinov2_config.ts";
import type { Dinov2Inputs, Dinov2Outputs } from "../models/dinov2.ts";
import { type Normalisation, normalise } from "../models/feature_extractor.ts";
import type { Model } from "../models/model.ts";
import type { Declarations, Layer } from "../nn/declare.ts";
import { uniform } from "../runtime/random.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { vjp } from "../tensor/vjp.ts";
import { adamw, type AdamWOptions, stepScalars } from "./adamw.ts";
import { backboneStart } from "./backbone_start.ts";
import { emaUpdate } from "./ema.ts";
import { trainingLoop } from "./loop.ts";
import type { TrainingRun } from "./pretrain_diffusion.ts";
import { randomViews, type ViewRange } from "./random_views.ts";
import { learningRate, type LearningRateSchedule } from "./schedules.ts";
import { dinoHead, distillation, sinkhorn } from "./self_distillation.ts";
import { initialState, type TrainingState } from "./training_state.ts";

/** Settings of a backbone's self-supervised training. */
export interface BackboneTraining {
  steps: number;
  /** Images per update; each is seen in two views. */
  batchSize: number;
  seed: number;
  optimizer: AdamWOptions & LearningRateSchedule;
  /** Decay of the teacher, an average of the student, at the start; it rises to 1 along a cosine. */
  emaDecay: number;
  /** The two random views of an image. */
  views: ViewRange;
  /** Share of the views in which patches are hidden from the student, and the range of the share of patches hidden. */
  masking: { views: number; patches: [number, number] };
  head: { hidden: number; bottleneck: number; prototypes: number };
  temperature: { student: number; teacher: number };
  /** Weight of the patch loss (iBOT) beside the class-token loss (DINO). */
  patchWeight: number;
}

export interface BackboneSetup {
  model: Model<Dinov2Config, Dinov2Inputs, Dinov2Outputs>;
  /** Pixel statistics to remove; the same are to be given when the backbone is used. */
  normalise: Normalisation;
  dataset: Dataset;
}

/** Two views of each image, one after the other [2B,H,W,3], and which patches the student does not see [2B,h·w]. */
type Views = { images: tf.Tensor4D; mask: tf.Tensor2D };

/**
 * Trains a Dinov2Model without labels, by self-distillation: the student, which sees an image in one view and in part,
 * predicts what the teacher, its own moving average, says of the other view's class token (DINO) and of the hidden
 * patches (iBOT).
 *
 * @returns the teacher's weights (without heads) and the number of updates done (fewer when the signal stopped it)
 */
export async function pretrainBackbone(
  setup: BackboneSetup,
  training: BackboneTraining,
  { resume, signal, onStep }: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { model, dataset } = setup, { seed, batchSize, optimizer } = training;
  if (!model.config.use_mask_token) throw new Error("pretrainBackbone(): the model needs use_mask_token");
  const student = selfDistiller(setup, training), { declarations } = student;
  const layout = layoutOf(
    Object.fromEntries(Object.entries(declarations).map(([name, d]) => [name, d.shape])),
  );
  const loader = makeLoader(dataset, { batchSize, seed });
  const update = compiledUpdate(student, layout, training);
  let state = resume?.state ??
    initialState(tf.tidy(() => flatten(backboneStart(declarations, seed), layout)));

  const steps = await trainingLoop({
    from: resume?.step,
    steps: training.steps,
    signal,
    onStep: (step, metrics) => onStep?.(step, metrics, state),
    async update(step) {
      const { images, indices } = await loader.batch(step - 1);
      const views = await drawViews(images, indices, model.config, training, step);
      const lr = learningRate(optimizer, step, training.steps);
      const scalars = stepScalars(step, lr, optimizer.betas), decay = tf.scalar(teacherDecay(training, step));
      const { next, ...measured } = update(state, views, scalars, decay);
      const [classLoss, patchLoss] = measured.losses.dataSync() as unknown as [number, number];
      const metrics = {
        loss: classLoss + training.patchWeight * patchLoss,
        class_loss: classLoss,
        patch_loss: patchLoss,
        target_entropy: measured.targetEntropy.dataSync()[0]!,
        grad_norm: measured.gradNorm.dataSync()[0]!,
        lr,
      };
      tf.dispose([images, views, scalars, decay, state, measured]);
      state = next;
      return metrics;
    },
  });
  update.dispose();
  const params = tf.tidy(() => {
    const all = unflatten(state.average, layout);
    return Object.fromEntries(Object.keys(model.declarations).map((name) => [name, all[name]!]));
  });
  tf.dispose(state);
  return { params, steps };
}

/** 1 − (1 − decay)·(1 + cos πs/S)/2. */
function teacherDecay({ emaDecay, steps }: BackboneTraining, step: number): number {
  return 1 - (1 - emaDecay) * 0.5 * (1 + Math.cos(Math.PI * step / steps));
}

async function drawViews(
  images: tf.Tensor4D,
  samples: Uint32Array,
  { patch_size }: Dinov2Config,
  { seed, views, masking }: BackboneTraining,
  step: number,
): Promise<Views> {
  const patches = Math.floor(images.shape[1] / patch_size) * Math.floor(images.shape[2] / patch_size);
  const drawn: tf.Tensor4D[] = [], mask = new Float32Array(2 * samples.length * patches);
  for (const view of [0, 1]) {
    drawn.push(await randomViews(images, samples, { seed, purpose: `view ${view}`, step }, views));
    samples.forEach((sample, b) => {
      const [chosen, share, ...draws] = uniform({ seed, purpose: `mask ${view}`, step, sample }, 2 + patches);
      const [least, most] = masking.patches, hidden = least + (most - least) * share!;
      if (chosen! >= masking.views) return;
      draws.forEach((draw, i) => mask[(view * samples.length + b) * patches + i] = draw < hidden ? 1 : 0);
    });
  }
  const joined = tf.concat(drawn, 0);
  tf.dispose(drawn);
  return { images: joined, mask: tf.tensor2d(mask, [2 * samples.length, patches]) };
}

/** Backbone and heads as one network: what student and teacher compute. */
interface SelfDistiller {
  declarations: Declarations;
  /** Cosines with the prototypes, of class tokens [2B,K] and patches [2B,h·w,K]. */
  forward(params: Params, images: tf.Tensor, mask?: tf.Tensor): { cls: tf.Tensor; patches: tf.Tensor };
}

function selfDistiller(
  { model, normalise: statistics }: BackboneSetup,
  { head }: BackboneTraining,
): SelfDistiller {
  const width = model.config.hidden_size, declarations: Declarations = { ...model.declarations };
  const ofClass: Layer = dinoHead(declarations, "class_head", { in: width, ...head });
  const ofPatches: Layer = dinoHead(declarations, "patch_head", { in: width, ...head });
  return {
    declarations,
    forward(params, images, mask) {
      const tokens =
        model.forward(params, { pixel_values: normalise(images, statistics), mask }).last_hidden_state;
      const [cls, patches] = tf.split(tokens, [1, tokens.shape[1]! - 1], 1) as [tf.Tensor, tf.Tensor];
      return { cls: ofClass(params, cls.squeeze([1])), patches: ofPatches(params, patches) };
    },
  };
}

function compiledUpdate(
  network: SelfDistiller,
  layout: Layout,
  { optimizer, temperature, patchWeight }: BackboneTraining,
) {
  return compile(
    function backboneUpdate(
      state: TrainingState,
      { images, mask }: Views,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const teacher = network.forward(unflatten(state.average, layout), images);
      const [first, second] = tf.split(sinkhorn(teacher.cls, temperature.teacher), 2) as [
        tf.Tensor,
        tf.Tensor,
      ];
      const ofOtherView = tf.concat([second, first]);
      const ofPatches = sinkhorn(
        teacher.patches.reshape([-1, teacher.patches.shape[2]!]),
        temperature.teacher,
      )
        .reshape(teacher.patches.shape);
      const { value: losses, grads } = vjp(
        (weights) => {
          const student = network.forward(unflatten(weights, layout), images, mask);
          const perPatch = distillation(ofPatches, student.patches, temperature.student);
          return tf.stack([
            distillation(ofOtherView, student.cls, temperature.student).mean(),
            perPatch.mul(mask).sum().div(mask.sum().add(1e-6)),
          ]);
        },
        [state.weights],
        tf.tensor1d([1, patchWeight]),
      );
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        grads[0]!,
        scalars,
        optimizer,
      );
      const next: TrainingState = { weights, moments, average: emaUpdate(state.average, weights, decay) };
      const targetEntropy = first.mul(first.add(1e-9).log()).sum(-1).mean().neg();
      return { next, losses, targetEntropy, gradNorm };
    },
  );
}

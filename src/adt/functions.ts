/**
 * The heavy parts of an ADT step, each a pure function of tensors and so one compiled function: JavaScript only drives
 * the path from one to the next.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import { guided } from "../sampling/guidance.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Params, unflatten } from "../tensor/params.ts";
import { valueAndGrad, vjp } from "../tensor/vjp.ts";
import { adamw, type Moments } from "../training/adamw.ts";
import { type DiffusionBatch, diffusionLoss } from "../training/diffusion_loss.ts";
import { emaUpdate } from "../training/ema.ts";
import type { TrainingState } from "../training/training_state.ts";
import type { AugmentationParameters } from "./augmentation.ts";
import { adversarialLossAndGradient, discriminatorLossAndGradient } from "./discriminator_gradients.ts";
import type { AdtSetup, AdtState } from "./setup.ts";

type Augmentation = AugmentationParameters<tf.Tensor1D>;

/** Compiled functions of one setup; `dispose` frees them. */
export type AdtFunctions = ReturnType<typeof adtFunctions>;

/**
 * Compiles the parts of an ADT step; each is recorded at its first call with the shapes given. All take and give flat
 * weights [P]; all that they give is the caller's to dispose.
 *
 * - `denoiser`: the network under guidance, for roll-outs; its params are `{ weights: [P] }`.
 * - `pullback`: vector-Jacobian product of one call of it, see `Pullback`.
 * - `judge`: decodes x_end [B,h,w,c], gives the images, the adversarial loss, the mean score and g = ∂L/∂x_end.
 * - `updateGenerator`: adds the gradient of the diffusion loss to the adversarial one, each times its λ, and updates the
 *   network and its average.
 * - `updateDiscriminator`: updates the discriminator on images that are constants.
 *
 * `adtStep` drives them; a notebook may call them one by one.
 */
export function adtFunctions(setup: AdtSetup) {
  const { denoiser: tuned, autoencoder, adversary, headLayout, settings } = setup;
  const network = (weights: tf.Tensor, x: tf.Tensor, t: tf.Tensor, condition: Condition) =>
    guided(tuned, settings.guidanceScale, setup.nullCondition?.(condition) ?? {})
      .forward(setup.params(weights), x, t, condition);

  /** The guided network of flat weights, `{ weights: [P] }`. */
  const predict = compile(function predict(params: Params, x: tf.Tensor, t: tf.Tensor, condition: Condition) {
    return network(params.weights!, x, t, condition);
  });

  const pullback = compile(
    function pullback(
      weights: tf.Tensor,
      x: tf.Tensor,
      t: tf.Tensor,
      condition: Condition,
      cotangent: tf.Tensor,
      throughInput: boolean,
    ) {
      const call = (weights: tf.Tensor, x: tf.Tensor) => network(weights, x, t, condition);
      if (!throughInput) {
        const { grads } = vjp((weights) => call(weights, x), [weights], cotangent);
        return { weights: grads[0]!, input: null };
      }
      const { grads } = vjp(call, [weights, x], cotangent);
      return { weights: grads[0]!, input: grads[1]! };
    },
  );

  /** Adversarial loss of x_end and g = ∂L/∂x_end, through the decoder. */
  const judge = compile(
    function judge(
      heads: tf.Tensor,
      end: tf.Tensor,
      reference: tf.Tensor,
      augmentations: { generated: Augmentation; real: Augmentation },
    ) {
      const images = autoencoder.decode(end);
      const { loss, gradImage, score } = adversarialLossAndGradient(
        adversary,
        unflatten(heads, headLayout),
        { images, augmentation: augmentations.generated },
        { images: reference, augmentation: augmentations.real },
      );
      const { grads } = vjp(autoencoder.decode, [end], gradImage);
      return { images, loss, score: score.mean(), gradient: grads[0]! };
    },
  );

  const updateGenerator = compile(
    function updateGenerator(
      state: TrainingState,
      adversarial: tf.Tensor | null,
      batch: DiffusionBatch,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const { value: loss, grads } = valueAndGrad(
        (weights) => diffusionLoss(tuned, setup.params(weights), batch),
        [state.weights],
      );
      const ofDiffusion = grads[0]!.mul(settings.lambdaDiffusion);
      const ofAdversary = adversarial &&
        capped(adversarial.mul(settings.lambdaAdv), ofDiffusion, settings.advNormCap);
      const total = ofAdversary ? ofDiffusion.add(ofAdversary) : ofDiffusion;
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        total,
        scalars,
        settings.optimizer,
      );
      const next: TrainingState = { weights, moments, average: emaUpdate(state.average, weights, decay) };
      const norms = {
        total: gradNorm,
        diffusion: ofDiffusion.norm(),
        adversarial: (ofAdversary ?? tf.scalar(0)).norm(),
      };
      return { next, loss, norms };
    },
  );

  const updateDiscriminator = compile(
    function updateDiscriminator(
      state: AdtState["discriminator"],
      images: { generated: tf.Tensor; reference: tf.Tensor; positive: tf.Tensor },
      augmentations: { generated: Augmentation; real: Augmentation; positive: Augmentation },
      scalars: tf.Tensor1D,
    ) {
      const { loss, gradients, scoreReal, scoreFake } = discriminatorLossAndGradient(
        adversary,
        unflatten(state.weights, headLayout),
        {
          generated: { images: images.generated, augmentation: augmentations.generated },
          real: { images: images.reference, augmentation: augmentations.real },
          positive: { images: images.positive, augmentation: augmentations.positive },
        },
      );
      const gradient = flatten(gradients, headLayout);
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        gradient,
        scalars,
        settings.discriminatorOptimizer,
      );
      const next: { weights: tf.Tensor1D; moments: Moments } = { weights, moments };
      return { next, loss, scoreReal: scoreReal.mean(), scoreFake: scoreFake.mean(), gradNorm };
    },
  );

  const denoiser: Denoiser = { predictionType: tuned.predictionType, forward: predict };
  return {
    denoiser,
    pullback,
    judge,
    updateGenerator,
    updateDiscriminator,
    dispose: () =>
      [predict, pullback, judge, updateGenerator, updateDiscriminator].forEach((f) => f.dispose()),
  };
}

/** A gradient scaled down to `cap` times the norm of another, where it is longer; null is no cap. */
function capped(gradient: tf.Tensor, other: tf.Tensor, cap: number | null): tf.Tensor {
  if (cap === null) return gradient;
  return gradient.mul(tf.minimum(1, other.norm().mul(cap).div(gradient.norm().add(1e-12))));
}

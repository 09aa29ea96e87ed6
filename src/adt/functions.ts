/**
 * The heavy parts of an ADT step, each a pure function of tensors and so one compiled function: JavaScript only drives
 * the path from one to the next.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import { guidanceBatch, type GuidanceScale, guided, scaleFactor } from "../sampling/guidance.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { combine } from "../tensor/combine.ts";
import { globalNorm } from "../tensor/global_norm.ts";
import { flatten, type Params, unflatten } from "../tensor/params.ts";
import { valueAndGrad, vjp } from "../tensor/vjp.ts";
import { adamw, type Moments } from "../training/adamw.ts";
import { type DiffusionBatch, diffusionLoss } from "../training/diffusion_loss.ts";
import { emaUpdate } from "../training/ema.ts";
import type { TrainingState } from "../training/training_state.ts";
import type { AugmentationParameters } from "./augmentation.ts";
import { adversarialLossAndGradient, discriminatorLossAndGradient } from "./discriminator_gradients.ts";
import { rewardLossAndGradient } from "./reward.ts";
import type { AdtSetup, AdtState } from "./setup.ts";

type Augmentation = AugmentationParameters<tf.Tensor1D>;

type Pair = { generated: Augmentation; real: Augmentation };
type Triple = Pair & { positive: Augmentation };
type Discriminator = AdtState["discriminator"];

/** Norms of the parts of a gradient, each with its λ. */
type GradientNorms = { diffusion: tf.Scalar; adversarial: tf.Scalar; anchor?: tf.Scalar };

/** Name in a condition of the guidance scale of each sample [B], where scales are drawn; else the settings' is that of all. */
export const DRAWN_SCALE = "guidance_scale";

/** Compiled functions of one setup, see `adtFunctions`; `dispose` frees them. */
export interface AdtFunctions {
  denoiser: Denoiser;
  pullback: Compiled<
    [
      weights: tf.Tensor,
      x: tf.Tensor,
      t: tf.Tensor,
      condition: Condition,
      cotangent: tf.Tensor,
      throughInput: boolean,
    ],
    { weights: tf.Tensor; input: tf.Tensor | null }
  >;
  judge: Compiled<
    [heads: tf.Tensor, end: tf.Tensor, reference: tf.Tensor, augmentations: Pair],
    { images: tf.Tensor; loss: tf.Tensor; score: tf.Tensor; gradient: tf.Tensor }
  >;
  /** What the reward says of x_end, in the place of `judge`. */
  reward: Compiled<
    [end: tf.Tensor, wanted: tf.Tensor | null],
    { images: tf.Tensor; loss: tf.Tensor; score: tf.Tensor; gradient: tf.Tensor }
  >;
  diffusionGradient: Compiled<
    [weights: tf.Tensor1D, batch: DiffusionBatch],
    { loss: tf.Tensor; gradient: tf.Tensor }
  >;
  anchorGradient: Compiled<
    [weights: tf.Tensor, x: tf.Tensor, t: tf.Tensor, condition: Condition],
    { loss: tf.Tensor; gradient: tf.Tensor }
  >;
  joinGradients: Compiled<
    [adversarial: tf.Tensor | null, anchor: tf.Tensor | null, diffusion: tf.Tensor],
    { gradient: tf.Tensor; norms: GradientNorms }
  >;
  updateGenerator: Compiled<
    [state: TrainingState, gradient: tf.Tensor, scalars: tf.Tensor1D, decay: tf.Scalar],
    { next: TrainingState; gradNorm: tf.Scalar }
  >;
  discriminatorGradient: Compiled<
    [
      weights: tf.Tensor1D,
      images: { generated: tf.Tensor; reference: tf.Tensor; positive: tf.Tensor },
      augmentations: Triple,
    ],
    { loss: tf.Tensor; gradient: tf.Tensor; scoreReal: tf.Tensor; scoreFake: tf.Tensor; accuracy: tf.Tensor }
  >;
  updateDiscriminator: Compiled<
    [state: Discriminator, gradient: tf.Tensor, scalars: tf.Tensor1D],
    { next: Discriminator; gradNorm: tf.Scalar }
  >;
  dispose(): void;
}

/**
 * Compiles the parts of an ADT step; each is recorded at its first call with the shapes given. All take and give flat
 * weights [P]; all that they give is the caller's to dispose.
 *
 * - `denoiser`: the network under guidance, for roll-outs; its params are `{ weights: [P] }`.
 * - `pullback`: vector-Jacobian product of one call of it, see `Pullback`.
 * - `anchorGradient`: the anchor at some states, see `AdtSettings`, and its gradient [P].
 * - `judge`: decodes x_end [B,h,w,c], gives the images, the adversarial loss, the mean score and g = ∂L/∂x_end.
 * - `diffusionGradient`: the diffusion loss and its gradient [P].
 * - `joinGradients`: the sum of the adversarial gradient and the anchor's, if any, and that of the diffusion loss, each times its λ.
 * - `updateGenerator`: updates the network and its average by a gradient.
 * - `discriminatorGradient`: the discriminator's loss on images that are constants, and its gradient.
 * - `updateDiscriminator`: updates the discriminator by a gradient.
 *
 * `adtStep` drives them; a notebook may call them one by one.
 */
export function adtFunctions(setup: AdtSetup): AdtFunctions {
  const { denoiser: tuned, autoencoder, adversary, headLayout, settings } = setup;
  const nullOf = (condition: Condition) => setup.nullCondition?.(condition) ?? {};
  const network = (weights: tf.Tensor, x: tf.Tensor, t: tf.Tensor, condition: Condition) => {
    const { scale, own } = guidanceOf(condition, settings);
    return guided(tuned, scale, nullOf(own)).forward(setup.params(weights), x, t, own);
  };
  const conditional = (weights: tf.Tensor, x: tf.Tensor, t: tf.Tensor, condition: Condition) =>
    tuned.forward(setup.params(weights), x, t, guidanceOf(condition, settings).own);

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
      // the conditional output counts w times in the guided one
      const alone = settings.guidanceGradient === "conditional", { scale } = guidanceOf(condition, settings);
      const w = scaleFactor(scale), divided = settings.divideByGuidanceScale ?? false;
      const dy = alone === divided ? cotangent : alone ? tf.mul(cotangent, w) : tf.div(cotangent, w);
      const call = (weights: tf.Tensor, x: tf.Tensor) =>
        (alone ? conditional : network)(weights, x, t, condition);
      if (!throughInput) {
        const { grads } = vjp((weights) => call(weights, x), [weights], dy);
        return { weights: grads[0]!, input: null };
      }
      const { grads } = vjp(call, [weights, x], dy);
      return { weights: grads[0]!, input: grads[1]! };
    },
  );

  const anchorGradient = compile(
    function anchorGradient(weights: tf.Tensor, x: tf.Tensor, t: tf.Tensor, condition: Condition) {
      const { own } = guidanceOf(condition, settings), base = setup.base;
      if (!base) throw new Error("the anchor needs the setup's `base`, the weights before the tuning");
      const input = { x, t, condition: own };
      const both = setup.nullCondition ? guidanceBatch(input, nullOf(own)) : input;
      const output = (params: Params) => tuned.forward(params, both.x, both.t, both.condition);
      const before = output(base());
      const distance = (weights: tf.Tensor) =>
        output(setup.params(weights)).sub(before).square().mean() as tf.Scalar;
      const { value, grads } = valueAndGrad(distance, [weights]);
      return { loss: value, gradient: grads[0]! };
    },
  );

  /** What is said of the images of x_end, and g = ∂L/∂x_end, through the decoder. */
  function judged<J extends { gradImage: tf.Tensor }>(end: tf.Tensor, say: (images: tf.Tensor) => J) {
    const images = autoencoder.decode(end), { gradImage, ...said } = say(images);
    const { grads } = vjp(autoencoder.decode, [end], gradImage);
    return { images, gradient: grads[0]!, ...said };
  }

  const judge = compile(
    function judge(
      heads: tf.Tensor,
      end: tf.Tensor,
      reference: tf.Tensor,
      augmentations: { generated: Augmentation; real: Augmentation },
    ) {
      const { score, ...rest } = judged(end, (images) =>
        adversarialLossAndGradient(
          adversary,
          unflatten(heads, headLayout),
          { images, augmentation: augmentations.generated },
          { images: reference, augmentation: augmentations.real },
        ));
      return { ...rest, score: score.mean() };
    },
  );

  const reward = compile(function reward(end: tf.Tensor, wanted: tf.Tensor | null) {
    const { reward } = setup;
    if (!reward) throw new Error("the setup has no reward");
    const said = judged(end, (images) => rewardLossAndGradient(reward, images, wanted));
    return { ...said, score: said.loss.neg() };
  });

  const diffusionGradient = compile(
    function diffusionGradient(weights: tf.Tensor1D, batch: DiffusionBatch) {
      const loss = (weights: tf.Tensor) => diffusionLoss(tuned, setup.params(weights), batch);
      const { value, grads } = valueAndGrad(loss, [weights]);
      return { loss: value, gradient: grads[0]! };
    },
  );

  const joinGradients = compile(
    function joinGradients(
      adversarial: tf.Tensor | null,
      anchor: tf.Tensor | null,
      diffusion: tf.Tensor,
    ) {
      const { lambdaDiffusion, lambdaAdv, lambdaAnchor = 0, advNormCap } = settings;
      const norm = globalNorm(diffusion).mul<tf.Scalar>(lambdaDiffusion);
      const norms: GradientNorms = { diffusion: norm, adversarial: tf.scalar(0) };
      let gradient: tf.Tensor;
      if (adversarial) {
        const advNorm = globalNorm(adversarial).mul<tf.Scalar>(lambdaAdv);
        const factor = capFactor(advNorm, norm, advNormCap);
        norms.adversarial = advNorm.mul(factor);
        gradient = combine(diffusion, lambdaDiffusion, adversarial, factor.mul<tf.Scalar>(lambdaAdv));
      } else gradient = diffusion.mul(lambdaDiffusion);
      if (anchor) {
        norms.anchor = globalNorm(anchor).mul(lambdaAnchor);
        gradient = combine(gradient, 1, anchor, lambdaAnchor);
      }
      return { gradient, norms };
    },
  );

  const updateGenerator = compile(
    function updateGenerator(
      state: TrainingState,
      gradient: tf.Tensor,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        gradient,
        scalars,
        settings.optimizer,
      );
      const next: TrainingState = { weights, moments, average: emaUpdate(state.average, weights, decay) };
      return { next, gradNorm };
    },
  );

  const discriminatorGradient = compile(
    function discriminatorGradient(
      weights: tf.Tensor1D,
      images: { generated: tf.Tensor; reference: tf.Tensor; positive: tf.Tensor },
      augmentations: { generated: Augmentation; real: Augmentation; positive: Augmentation },
    ) {
      const { loss, gradients, scoreReal, scoreFake } = discriminatorLossAndGradient(
        adversary,
        unflatten(weights, headLayout),
        {
          generated: { images: images.generated, augmentation: augmentations.generated },
          real: { images: images.reference, augmentation: augmentations.real },
          positive: { images: images.positive, augmentation: augmentations.positive },
        },
      );
      const right = tf.concat([scoreReal.greater(0), scoreFake.less(0)]);
      return {
        loss,
        gradient: flatten(gradients, headLayout),
        scoreReal: scoreReal.mean(),
        scoreFake: scoreFake.mean(),
        accuracy: right.cast("float32").mean(),
      };
    },
  );

  const updateDiscriminator = compile(
    function updateDiscriminator(state: Discriminator, gradient: tf.Tensor, scalars: tf.Tensor1D) {
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        gradient,
        scalars,
        settings.discriminatorOptimizer,
      );
      const next: { weights: tf.Tensor1D; moments: Moments } = { weights, moments };
      return { next, gradNorm };
    },
  );

  const denoiser: Denoiser = { predictionType: tuned.predictionType, forward: predict };
  const functions = {
    pullback,
    anchorGradient,
    judge,
    reward,
    diffusionGradient,
    joinGradients,
    updateGenerator,
    discriminatorGradient,
    updateDiscriminator,
  };
  return {
    denoiser,
    ...functions,
    dispose: () => [predict, ...Object.values(functions)].forEach((f) => f.dispose()),
  };
}

/** The guidance scale of a condition's samples, and the condition as the network takes it. */
function guidanceOf(
  { [DRAWN_SCALE]: drawn, ...own }: Condition,
  { guidanceScale }: AdtSetup["settings"],
): { scale: GuidanceScale; own: Condition } {
  return { scale: drawn ?? (typeof guidanceScale === "number" ? guidanceScale : 1), own };
}

/** What a gradient is multiplied by so that its norm is at most `cap` times another one's; a cap of null is none. */
function capFactor(norm: tf.Scalar, other: tf.Scalar, cap: number | null): tf.Scalar {
  return cap === null ? tf.scalar(1) : tf.minimum(1, other.mul(cap).div(norm.add(1e-12)));
}

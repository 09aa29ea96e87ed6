/**
 * Choices by their names.
 * @module
 */

/**
 * How a pair (x, reference) becomes a score. The ADT abstract says "similarity" between generated and real image; it can
 * be read in three ways, and the single branch is the usual discriminator, for comparison:
 * - cosine: mean cosine of the two branches' patch embeddings, times a learned temperature;
 * - difference: a layer on |h(x) − h(reference)|, the classic siamese verification network (Koch et al. 2015);
 * - relativistic: d(x) − d(reference), difference of the branches' logits (relativistic pairing GAN);
 * - single: d(x), real/fake logits as in StyleGAN-T (Sauer et al. 2023) and ADD (Sauer et al. 2023).
 */
export const SCORE_KINDS = ["cosine", "difference", "relativistic", "single"] as const;
export type ScoreKind = typeof SCORE_KINDS[number];

/** Losses on its scores; see `discriminatorLoss`. */
export const ADVERSARIAL_LOSSES = ["hinge", "softplus", "least_squares"] as const;
export type AdversarialLoss = typeof ADVERSARIAL_LOSSES[number];

/** Which of classifier-free guidance's two outputs, with and without the condition, the adversarial gradient goes through. */
export const GUIDANCE_GRADIENTS = ["both", "conditional"] as const;
export type GuidanceGradient = typeof GUIDANCE_GRADIENTS[number];

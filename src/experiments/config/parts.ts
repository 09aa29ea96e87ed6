/**
 * Parts that several run configurations share.
 * @module
 */
import { z } from "zod";
import { PICTOGRAM_SPLITS, type PictogramSplit } from "../../data/pictograms.ts";
import { PRECISIONS } from "../../runtime/precision.ts";

const positive = z.number().positive();
/** A whole number of at least 1. */
export const count = z.int().min(1);
const share = z.number().min(0).lt(1);
/** A path; relative ones start at the current folder. */
export const path = z.string().min(1);

/** AdamW and its learning rate schedule. */
export interface OptimizerConfig {
  /** Learning rate after warm-up. */
  lr: number;
  /** Decay of the running means of the gradient and of its square. */
  betas: [number, number];
  /** Decoupled weight decay. */
  weight_decay: number;
  /** The gradient is scaled down to this global norm. */
  clip_norm: number;
  warmup_steps: number;
  schedule: "constant" | "cosine" | "linear";
}

/** Images to train on: the bundled digits, bundled pictograms, or a folder of images. */
export type DataConfig = { kind: "digits" } | { kind: "pictograms"; split: PictogramSplit } | {
  kind: "folder";
  path: string;
  /** Height and width that images are brought to. */
  resolution: number;
  /** Which split, where the folder has several; left out: train. */
  split?: string | undefined;
  /** Whether an unreadable image ends the run instead of being left out. */
  strict: boolean;
  /** Whether images may lie outside of the folder, by links or by their paths in metadata; left out: no. */
  outside?: boolean | undefined;
  /** How often each image of the folder is in an epoch; left out: once. */
  repeats?: number | undefined;
  /** More folders. */
  also?: { path: string; split?: string | undefined; repeats?: number | undefined }[] | undefined;
  /** Whether each image is there mirrored, left to right, too. */
  flip?: boolean | undefined;
  /** What each caption begins with, as a trigger word. */
  caption_prefix?: string | undefined;
};

/** How long a run trains and when it writes what. */
export interface PaceConfig {
  steps: number;
  batch_size: number;
  checkpoint_every: number;
  log_every: number;
  /** Fixes all random numbers of the run. */
  seed: number;
  /** How often the run goes on with a lower learning rate after it diverged; left out: not at all. */
  retries?: number | undefined;
}

/** The keys of `OptimizerConfig`, with their defaults. */
export const optimizerSchema = z.strictObject({
  lr: positive.default(5e-5).describe("Learning rate after warm-up."),
  betas: z.tuple([share, share]).default([0.9, 0.999]).describe(
    "Decay of the running means of the gradient and of its square.",
  ),
  weight_decay: z.number().min(0).default(0).describe("Decoupled weight decay (Loshchilov and Hutter 2019)."),
  clip_norm: positive.default(1).describe("The gradient is scaled down to this global norm."),
  warmup_steps: z.int().min(0).default(0).describe(
    "Steps over which the learning rate rises linearly from 0.",
  ),
  schedule: z.enum(["constant", "cosine", "linear"]).default("constant").describe(
    "How the learning rate goes on after warm-up: cosine and linear fall to 0 at the last step.",
  ),
});

/** What products and convolutions compute in; left out: what the engine was started with. */
export const precisionSchema = z.enum(PRECISIONS).optional().describe(
  "What products and convolutions compute in; auto measures. Left out: what the command line says, or float32.",
);

/** Checks a `DataConfig`. */
export const dataSchema = z.discriminatedUnion("kind", [
  /** The bundled digits, training split. */
  z.strictObject({ kind: z.literal("digits") }),
  /** The bundled pictograms: 64×64 pixels, with captions. */
  z.strictObject({
    kind: z.literal("pictograms"),
    split: z.enum(PICTOGRAM_SPLITS).refine((split) => split !== "final", {
      error: 'the pictograms of "final" are for final evaluations alone: expected "train" or "search"',
    }).default("train").describe(
      "Which split: train, or search to choose settings with; no training sees final.",
    ),
  }),
  /** A folder of images, see `imageFolder`. */
  z.strictObject({
    kind: z.literal("folder"),
    path: path.describe("The folder, with captions or classes."),
    resolution: count.describe("Height and width that images are brought to."),
    split: z.string().min(1).optional().describe(
      "Which split, where the folder has several: train, validation, test, or its folder's name. Default: train.",
    ),
    strict: z.boolean().default(false).describe(
      "Whether an unreadable image ends the run instead of being left out.",
    ),
    outside: z.boolean().optional().describe(
      "Whether images may lie outside of the folder, by links or by their paths in metadata. Default: no.",
    ),
    repeats: count.max(1000).optional().describe(
      "How often each image of the folder is in an epoch; so folders have weights. Default: once.",
    ),
    also: z.array(
      z.strictObject({
        path: path.describe("The folder."),
        split: z.string().min(1).optional().describe("As for the first."),
        repeats: count.max(1000).optional().describe("As for the first."),
      }),
    )
      .min(1).max(100).optional().describe(
        "More folders, each with a split and repeats of its own; all else is as said for the first.",
      ),
    flip: z.boolean().optional().describe(
      "Whether each image is there mirrored, left to right, too. Default: no.",
    ),
    caption_prefix: z.string().min(1).max(1000).optional().describe(
      'What each caption begins with, as a trigger word: "sks, ".',
    ),
  }),
]).prefault({ kind: "digits" });

/** What lies between images and the diffusion model: 2×2 squares of gray pixels become 4 channels. */
export const latentsSchema = z.enum(["space_to_depth"]).default("space_to_depth").describe(
  "What lies between images and the model: 2×2 squares of gray pixels become 4 channels.",
);

/** Decay of the moving average of the weights; the averaged weights are the result of a run. */
export const emaDecaySchema = share.default(0.99).describe(
  "Decay of the moving average of the weights; the averaged weights are the result.",
);

/** Where a run's numbers go: to its own log, and to TensorBoard's files. */
export type LogKind = "jsonl" | "tensorboard";

/** Left out: to its own log. */
export const logSchema: z.ZodOptional<z.ZodType<LogKind[]>> = z.array(z.enum(["jsonl", "tensorboard"]))
  .refine((kinds) => kinds.includes("jsonl"), {
    error: "jsonl cannot be left out: resuming and reports read it",
  }).optional();

/** The keys of `PaceConfig`. A checkpoint is also written at the end and on Ctrl-C. */
export const paceShape = {
  steps: count.describe("Updates in all."),
  batch_size: count.default(32).describe("Images of a batch."),
  checkpoint_every: count.default(50).describe("Updates from one checkpoint to the next."),
  log_every: count.default(1).describe("Updates from one line of the log to the next."),
  seed: z.int().min(0).default(0).describe("Fixes all random numbers of the run."),
  retries: count.optional().describe(
    "How often a run that diverged goes back to its last healthy checkpoint and on from there with a tenth of the learning rate (of `optimizer`). Default: not at all.",
  ),
};

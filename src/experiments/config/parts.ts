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
  /** Learning rate after warm-up. */
  lr: positive.default(5e-5),
  /** Decay of the running means of the gradient and of its square. */
  betas: z.tuple([share, share]).default([0.9, 0.999]),
  /** Decoupled weight decay (Loshchilov and Hutter 2019). */
  weight_decay: z.number().min(0).default(0),
  /** The gradient is scaled down to this global norm. */
  clip_norm: positive.default(1),
  /** Steps over which the learning rate rises linearly from 0. */
  warmup_steps: z.int().min(0).default(0),
  /** How the learning rate goes on after warm-up: cosine and linear fall to 0 at the last step. */
  schedule: z.enum(["constant", "cosine", "linear"]).default("constant"),
});

/** What products and convolutions compute in; left out: what the engine was started with. */
export const precisionSchema = z.enum(PRECISIONS).optional();

/** Checks a `DataConfig`. */
export const dataSchema = z.discriminatedUnion("kind", [
  /** The bundled digits, training split. */
  z.strictObject({ kind: z.literal("digits") }),
  /** The bundled pictograms: 64×64 pixels, with captions. */
  z.strictObject({
    kind: z.literal("pictograms"),
    /** Which split: train, or search to choose settings with; no training sees final. */
    split: z.enum(PICTOGRAM_SPLITS).refine((split) => split !== "final", {
      error: 'the pictograms of "final" are for final evaluations alone: expected "train" or "search"',
    }).default("train"),
  }),
  /** A folder of images, see `imageFolder`. */
  z.strictObject({
    kind: z.literal("folder"),
    path,
    /** Height and width that images are brought to. */
    resolution: count,
    /** Which split, where the folder has several: train, validation, test, or its folder's name. Default: train. */
    split: z.string().min(1).optional(),
    /** Whether an unreadable image ends the run instead of being left out. */
    strict: z.boolean().default(false),
    /** Whether images may lie outside of the folder, by links or by their paths in metadata. Default: no. */
    outside: z.boolean().optional(),
    /** How often each image of the folder is in an epoch; so folders have weights. Default: once. */
    repeats: count.max(1000).optional(),
    /** More folders, each with a split and repeats of its own; all else is as said for the first. */
    also: z.array(
      z.strictObject({ path, split: z.string().min(1).optional(), repeats: count.max(1000).optional() }),
    )
      .min(1).max(100).optional(),
    /** Whether each image is there mirrored, left to right, too. Default: no. */
    flip: z.boolean().optional(),
    /** What each caption begins with, as a trigger word: "sks, ". */
    caption_prefix: z.string().min(1).max(1000).optional(),
  }),
]).prefault({ kind: "digits" });

/** What lies between images and the diffusion model: 2×2 squares of gray pixels become 4 channels. */
export const latentsSchema = z.enum(["space_to_depth"]).default("space_to_depth");

/** Decay of the moving average of the weights; the averaged weights are the result of a run. */
export const emaDecaySchema = share.default(0.99);

/** Where a run's numbers go: to its own log, and to TensorBoard's files. */
export type LogKind = "jsonl" | "tensorboard";

/** Left out: to its own log. */
export const logSchema: z.ZodOptional<z.ZodType<LogKind[]>> = z.array(z.enum(["jsonl", "tensorboard"]))
  .refine((kinds) => kinds.includes("jsonl"), {
    error: "jsonl cannot be left out: resuming and reports read it",
  }).optional();

/** The keys of `PaceConfig`. A checkpoint is also written at the end and on Ctrl-C. */
export const paceShape = {
  steps: count,
  batch_size: count.default(32),
  checkpoint_every: count.default(50),
  log_every: count.default(1),
  /** Fixes all random numbers of the run. */
  seed: z.int().min(0).default(0),
  /**
   * How often a run that diverged goes back to its last healthy checkpoint and on from there with a tenth of the learning rate
   * (of `optimizer`). Default: not at all.
   */
  retries: count.optional(),
};

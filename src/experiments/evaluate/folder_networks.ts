import * as tf from "@tensorflow/tfjs";
import { measured } from "../../display/measured.ts";
import { type ClipScorer, loadClipScorer } from "../../metrics/features/clip_scorer.ts";
import type { Features } from "../../metrics/features/features.ts";
import type { FeatureKind } from "../../metrics/features/kinds.ts";
import {
  clipNetwork,
  type FeatureNetwork,
  loadClipFeatures,
  loadFeatureNetwork,
} from "../../metrics/features/networks.ts";
import type { FolderScores } from "../../metrics/scores/compare_definitions.ts";
import { clipScore, hpsScore, meanScore } from "../../metrics/scores/per_image.ts";
import { type AestheticPredictor, loadAestheticPredictor } from "../../models/clip/aesthetic_predictor.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import type { FoldersOptions } from "./folders_options.ts";

/** All networks of one evaluation of folders. */
export interface FolderNetworks {
  features: FeatureNetwork;
  /** HPSv2's, if it was asked for. */
  hps?: FeatureNetwork;
  /** The scores of images by themselves or with their captions: those that there are networks and captions for. */
  ownScores(images: SeenImages): Promise<Partial<FolderScores>>;
  dispose(): void;
}

/** What the networks see in images. */
export interface SeenImages {
  features: Features;
  /** By `FolderNetworks.hps`, where that is there. */
  hps?: Features;
  captions?: readonly string[];
}

type Settings = Pick<FoldersOptions, "hpsv2" | "aesthetic" | "seed"> & {
  kind: FeatureKind;
  model: string;
};

/**
 * Loads the networks that an evaluation of folders needs.
 *
 * @throws UserError for one that is not there (the message says how to get it), or does not fit
 */
export async function openFolderNetworks(settings: Settings): Promise<FolderNetworks> {
  const { kind, model, seed } = settings, owned: { dispose(): void }[] = [];
  const own = <T extends { dispose(): void }>(network: T) => (owned.push(network), network);
  const dispose = () => owned.forEach((network) => network.dispose());
  try {
    const clip = kind === "clip" ? own(await loadClipFeatures(model)) : undefined;
    const features = clip ? clipNetwork(clip) : own(await loadFeatureNetwork(kind, model));
    const head = settings.aesthetic === undefined ? undefined : own(await loadHead(settings.aesthetic));
    const hps = settings.hpsv2 === undefined ? undefined : own(await loadHps(settings.hpsv2));
    return {
      features,
      ...hps && { hps: clipNetwork(hps) },
      dispose,
      async ownScores({ features, hps: embeddings, captions }) {
        const scores: Partial<FolderScores> = {};
        if (clip && captions) scores.clipScore = clipScore(features, await embedded(clip, captions), seed);
        if (head) scores.aesthetic = meanScore(await ratings(head, features), "aesthetic score", seed);
        if (hps && embeddings && captions) {
          scores.hpsv2 = hpsScore(embeddings, await embedded(hps, captions), seed);
        }
        return scores;
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

async function loadHps(folder: string): Promise<ClipScorer> {
  try {
    return await loadClipScorer(folder, "contain");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message}\nHPSv2's network is read from ${folder}, as a CLIPModel in transformers' layout: config.json and ` +
        "tokenizer of laion/CLIP-ViT-H-14-laion2B-s32B-b79K, and HPSv2's weights (HPS_v2_compressed.pt of xswu/HPSv2) " +
        "under transformers' names as model.safetensors.",
      { cause: error },
    );
  }
}

type Head = { model: AestheticPredictor; params: Params; dispose(): void };

async function loadHead(folder: string): Promise<Head> {
  try {
    const { model, params } = await loadAestheticPredictor(folder);
    return { model, params, dispose: () => tf.dispose(params) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message}\nThe aesthetic predictor is read from ${folder}/model.safetensors. Convert ` +
        "sac+logos+ava1-l14-linearMSE.pth (of github.com/christophschuhmann/improved-aesthetic-predictor) once:\n" +
        `  python -c 'import torch, safetensors.torch as s; s.save_file(torch.load("sac+logos+ava1-l14-linearMSE.pth"), ` +
        `"${folder}/model.safetensors")'`,
      { cause: error },
    );
  }
}

async function ratings({ model, params }: Head, { n, d, data }: Features): Promise<Float32Array> {
  if (d !== model.embeddingSize) {
    throw new UserError(
      `the aesthetic predictor is for CLIP embeddings of width ${model.embeddingSize}, these have ${d}: ` +
        "give the CLIP that it was trained on (ViT-L/14)",
    );
  }
  const rated = tf.tidy(() => model.forward(params, tf.tensor2d(data, [n, d])));
  try {
    return await rated.data<"float32">();
  } finally {
    rated.dispose();
  }
}

function embedded(clip: ClipScorer, captions: readonly string[]): Promise<Features> {
  return measured("captions", (onProgress) => clip.embedTexts(captions, onProgress), "captions");
}

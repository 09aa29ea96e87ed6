import * as tf from "@tensorflow/tfjs";
import type { ClipTextConfig } from "../models/clip/text_config.ts";
import type { ClipTextInputs, ClipTextProjectionOutputs } from "../models/clip/text.ts";
import { unitRows } from "../models/clip/clip.ts";
import type { Model } from "../models/model.ts";
import { type Declarations, declare } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import type { Params } from "../tensor/params.ts";
import { keepDeclared, minimise, type Training, type TrainingRun } from "./minimise.ts";
import { crossEntropy } from "./pretrain_classifier.ts";

/** Settings of a text encoder's training. */
export interface TextEncoderTraining extends Training {
  /** Weight of the contrastive loss with pictures; 0 trains on texts alone. */
  contrastiveWeight: number;
}

/** Texts and pictures of one update. */
export type TextBatch = {
  /** Texts as tokens, int32 [B,L], and a teacher's embeddings of them, [B,D]. */
  texts: { input_ids: tf.Tensor; embeddings: tf.Tensor };
  /** Captions as tokens, int32 [P,L], and features of their pictures, [P,F]. */
  pictures?: { input_ids: tf.Tensor; features: tf.Tensor };
};

/** What a text encoder is trained on. */
export interface TextEncoderSetup {
  model: Model<ClipTextConfig, ClipTextInputs, ClipTextProjectionOutputs>;
  /** Numbers in a teacher's embedding, D. */
  teacherWidth: number;
  /** Numbers in a picture's features, F. */
  pictureWidth: number;
  /** The data of update number `step` (1, 2, …); the training disposes it. */
  batch(step: number): Promise<TextBatch>;
}

/** CLIP's start: ln(1/0.07). */
const LOG_SCALE = 2.659;

/** Layers that only the training needs. */
const TEACHER_HEAD = "teacher_head", PICTURE_HEAD = "picture_head", SCALE = "logit_scale";

/**
 * Trains a small CLIPTextModelWithProjection. Its pooled token learns, through a linear layer, a larger model's sentence
 * embeddings of many texts (1 − cosine), so that words which no picture shows have their meaning too; and to tell which
 * picture a caption belongs to, by CLIP's symmetric contrastive loss (Radford et al. 2021, figure 3) with frozen features of
 * the pictures behind a linear layer.
 *
 * @returns the averaged weights of the encoder, and the number of updates done (fewer when the signal stopped it)
 */
export async function pretrainTextEncoder(
  { model, teacherWidth, pictureWidth, batch }: TextEncoderSetup,
  training: TextEncoderTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const declarations: Declarations = { ...model.declarations }, width = model.config.projection_dim!;
  const toTeacher = linear(declarations, TEACHER_HEAD, { in: width, out: teacherWidth });
  const toText = linear(declarations, PICTURE_HEAD, { in: pictureWidth, out: width });
  const scale = declare(declarations, SCALE, [], { kind: "constant", value: LOG_SCALE });
  const { params, steps } = await minimise(
    {
      declarations,
      batch,
      loss(params: Params, { texts, pictures }: TextBatch) {
        const all = pictures ? tf.concat([texts.input_ids, pictures.input_ids]) : texts.input_ids;
        const pooled = model.forward(params, { input_ids: all }).text_embeds,
          taught = texts.input_ids.shape[0]!;
        const answers = unitRows(toTeacher(params, pooled.slice([0], [taught])) as tf.Tensor2D);
        const regression = tf.sub(1, answers.mul(unitRows(texts.embeddings as tf.Tensor2D)).sum(-1).mean());
        if (!pictures) return regression;
        const captions = unitRows(pooled.slice([taught]) as tf.Tensor2D);
        const seen = unitRows(toText(params, pictures.features) as tf.Tensor2D);
        const logits = tf.matMul(captions, seen, false, true).mul(scale(params).exp());
        return regression.add(contrastive(logits).mul(training.contrastiveWeight));
      },
    },
    training,
    run,
  );
  return { params: keepDeclared(params, model.declarations), steps };
}

/** Each row and each column [P,P] should be largest on the diagonal. */
function contrastive(logits: tf.Tensor): tf.Tensor {
  const pairs = tf.eye(logits.shape[0]!);
  return crossEntropy(pairs, logits).add(crossEntropy(pairs, logits.transpose())).div(2);
}

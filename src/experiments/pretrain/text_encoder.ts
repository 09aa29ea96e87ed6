import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Dataset } from "../../data/dataset.ts";
import { type LoaderOptions, makeLoader, shuffledBatches } from "../../data/loader.ts";
import { openDataset } from "../../data/open_dataset.ts";
import { openBackbone } from "../../models/by_class/open_backbone.ts";
import { clipTextWithProjection } from "../../models/clip/text.ts";
import { compile } from "../../tensor/compile.ts";
import { loadTokenizer } from "../../text/load_tokenizer.ts";
import { checkTokenizer } from "../../text/tokenizer.ts";
import { pretrainTextEncoder, type TextBatch } from "../../training/pretrain_text_encoder.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { expectClass } from "../../weights/config.ts";
import { checkCaptions } from "./captioned_examples.ts";
import type { PretrainConfigOf } from "./config.ts";
import { keptOutputs } from "../../training/kept_outputs.ts";
import { commonSettings, type Pretraining } from "./pretraining.ts";
import { readTaughtTexts, type TaughtTexts } from "./taught_texts.ts";

/** The folder, inside the encoder's, of the same one as a CLIPTextModel, without the projection. */
export const PLAIN_FOLDER = "without_projection";

const CLASS = "CLIPTextModelWithProjection";

/** Prepares the training of a text encoder on a teacher's embeddings and on pictures. */
export async function textEncoder(config: PretrainConfigOf<"text_encoder">): Promise<Pretraining> {
  const { model: raw, objective } = config, common = commonSettings(config);
  expectClass(raw, CLASS, "model");
  const model = clipTextWithProjection(raw), tokenizer = await loadTokenizer(objective.tokenizer);
  checkTokenizer(tokenizer, raw, objective.tokenizer);
  const taught = await readTaughtTexts(objective.teacher), nextTexts = taughtBatches(taught, common);
  const maxLength = model.config.max_position_embeddings;
  const tokens = (texts: readonly string[]) =>
    tf.tensor2d(tokenizer.encode(texts, { maxLength }).ids, [texts.length, maxLength], "int32");
  const pictures = objective.pictures && await openPictures(config, objective.pictures);
  const training = { ...common, contrastiveWeight: objective.pictures?.weight ?? 0 };
  return {
    train: (run) =>
      pretrainTextEncoder(
        {
          model,
          teacherWidth: taught.width,
          pictureWidth: pictures?.width ?? 1,
          async batch(step): Promise<TextBatch> {
            const { texts, embeddings } = nextTexts(step), seen = await pictures?.batch(step);
            return {
              texts: { input_ids: tokens(texts), embeddings },
              ...seen && { pictures: { input_ids: tokens(seen.captions), features: seen.features } },
            };
          },
        },
        training,
        run,
      ),
    async save(folder, params) {
      const { "text_projection.weight": _, ...plain } = params;
      const plainConfig = { ...raw, architectures: ["CLIPTextModel"] };
      await saveParams(join(folder, PLAIN_FOLDER), plainConfig, plain, {
        dtype: "F16",
        kind: "transformers",
      });
      await saveParams(folder, raw, params, { dtype: "F16", kind: "transformers" });
    },
    dispose: () => pictures?.dispose(),
  };
}

/** Texts in a new order each time round, with the teacher's embeddings [B,D]. */
function taughtBatches({ texts, rows, width, embeddings }: TaughtTexts, options: LoaderOptions) {
  const order = shuffledBatches(texts.length, options);
  return (step: number) => {
    const places = Array.from(order(step - 1)), values = new Float32Array(places.length * width);
    places.forEach((place, i) => {
      const row = rows[place]!;
      values.set(embeddings.subarray(row * width, (row + 1) * width), i * width);
    });
    return {
      texts: places.map((place) => texts[place]!),
      embeddings: tf.tensor2d(values, [places.length, width]),
    };
  };
}

/** Captioned pictures as features of a frozen backbone: the means of its patch grids. */
async function openPictures(
  config: PretrainConfigOf<"text_encoder">,
  { backbone, blocks }: { backbone: string; blocks: number[] },
) {
  const dataset: Dataset = await openDataset(config.data, config.train);
  await checkCaptions(dataset);
  const { extractor, channels, params } = await openBackbone(backbone, blocks);
  const loader = makeLoader(dataset, commonSettings(config));
  const look = compile((images: tf.Tensor) =>
    tf.concat(extractor.patchGrids(images).map((grid) => grid.mean([1, 2])), 1)
  );
  const features = keptOutputs((images) => look(images));
  return {
    width: channels.reduce((sum, count) => sum + count, 0),
    async batch(step: number) {
      const { images, captions, indices } = await loader.batch(step - 1);
      const seen = await features(images, indices);
      images.dispose();
      return { captions: captions!, features: seen };
    },
    dispose() {
      look.dispose();
      tf.dispose(params);
    },
  };
}

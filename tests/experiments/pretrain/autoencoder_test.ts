import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { bundledPath } from "../../../src/data/bundled.ts";
import { digitsDataset } from "../../../src/data/digits.ts";
import { parseConfig } from "../../../src/experiments/config/config.ts";
import { type PretrainConfig, pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { checkSize } from "../../../src/experiments/pretrain/perceptual.ts";
import { pretrain } from "../../../src/experiments/pretrain/pretrain.ts";
import { scaleLatents } from "../../../src/models/autoencoder_kl/autoencoder_kl.ts";
import { loadAutoencoderKL } from "../../../src/models/autoencoder_kl/load.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { assertClose, noLeak, startTestEngine, steadyTensors } from "../../support.ts";
import { take } from "../../tensor/parity.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

await startTestEngine();

const backbone = JSON.stringify(await bundledPath("models/digits-dino"));

const MODEL = `
model: { _class_name: AutoencoderKL, in_channels: 3, out_channels: 3, latent_channels: 4, block_out_channels: [4, 8, 8],
  down_block_types: [DownEncoderBlock2D, DownEncoderBlock2D, DownEncoderBlock2D],
  up_block_types: [UpDecoderBlock2D, UpDecoderBlock2D, UpDecoderBlock2D], layers_per_block: 1, norm_num_groups: 2,
  sample_size: 28, shift_factor: 0 }
`;
const PERCEPTUAL =
  `objective: { kind: autoencoder, perceptual: { backbone: ${backbone}, blocks: [1, 3], weight: 0.5, resolution: 28 } }`;
const PIXELS_ONLY = "objective: { kind: autoencoder }";

/** A tiny training on the bundled digits. */
function configOf(text: string, output: string, steps = 2): PretrainConfig {
  const rest =
    `optimizer: { lr: 1.0e-3, schedule: cosine }\ntrain: { steps: ${steps}, batch_size: 2, checkpoint_every: 2 }`;
  return parseConfig(`${text}\n${rest}\noutput: ${JSON.stringify(output)}`, "tiny.yaml", pretrainSchema);
}

Deno.test("an autoencoder's objective has defaults", () => {
  const { objective } = configOf(`${MODEL}${PIXELS_ONLY}`, "x");
  assert.deepEqual(objective, { kind: "autoencoder", l1_weight: 1, kl_weight: 1e-6 });
});

Deno.test("pretrain() leaves an AutoencoderKL whose scaled latents have mean 0 and standard deviation 1", () =>
  inTempFolder((folder) =>
    steadyTensors(async (after) => {
      const config = configOf(MODEL + PERCEPTUAL, join(folder, "run"), 4);
      const { weights, metricsFile } = await pretrain(config, { onStep: after });
      const [first] = await readMetrics(metricsFile);
      assert.deepEqual(
        Object.keys(first!),
        ["step", "loss", "l1", "perceptual", "kl", "psnr", "grad_norm", "lr"],
      );
      const tensors = await readTensors(join(weights, "diffusion_pytorch_model.safetensors"));
      assert.ok(Object.values(tensors).every(({ dtype }) => dtype === "F16"));

      const { model, params } = await loadAutoencoderKL(weights), digits = await digitsDataset("train");
      const { images } = await digits.get(Array.from({ length: 1000 }, (_, i) => i * 4));
      const [latents] = await take(
        tf.tidy(() => scaleLatents(model.config, model.encode(params, images).mean)),
      );
      const mean = latents!.reduce((a, b) => a + b, 0) / latents!.length;
      const variance = latents!.reduce((sum, z) => sum + (z - mean) ** 2, 0) / latents!.length;
      assertClose([mean, Math.sqrt(variance)], [0, 1], { absolute: 0.05 }); // other images than it was measured on
      tf.dispose([params, images]);
    })
  ));

Deno.test("pretrain() writes no shift into an AutoencoderKL's config that had none", () =>
  inTempFolder(async (folder) => {
    const config = configOf(MODEL.replace(", shift_factor: 0", "") + PIXELS_ONLY, join(folder, "run"));
    const { weights, metricsFile } = await pretrain(config);
    const { scaling_factor, shift_factor, ...kept } = JSON.parse(
      await Deno.readTextFile(join(weights, "config.json")),
    );
    assert.equal(shift_factor, null);
    assert.ok(scaling_factor > 0 && scaling_factor !== 0.18215);
    assert.deepEqual(kept, config.model);
    const [first] = await readMetrics(metricsFile);
    assert.ok(!("perceptual" in first!));
    tf.dispose((await loadAutoencoderKL(weights)).params);
  }));

Deno.test("pretrain() of an autoencoder stopped and resumed gives bitwise what one gives that was never stopped", () =>
  inTempFolder((folder) =>
    noLeak(async () => {
      const whole = configOf(MODEL + PERCEPTUAL, join(folder, "whole"), 6);
      const halves = { ...whole, output: join(folder, "halves") };
      const through = await pretrain(whole), stop = new AbortController();
      const first = await pretrain(halves, {
        signal: stop.signal,
        onStep: (step) => step === 3 ? stop.abort() : undefined,
      });
      assert.equal(first.steps, 3);
      const resumed = await pretrain(halves, { resume: true });
      for (const file of ["diffusion_pytorch_model.safetensors", "config.json"]) {
        const bytes = (folder: string) => Deno.readFile(join(folder, file));
        assert.deepEqual(await bytes(resumed.weights), await bytes(through.weights), file);
      }
      const [a, b] = [resumed.metricsFile, through.metricsFile];
      assert.equal(await Deno.readTextFile(a), await Deno.readTextFile(b));
    })
  ));

Deno.test("pretrain() refuses an autoencoder, images or a backbone that do not fit", () =>
  inTempFolder((folder) =>
    noLeak(async () => {
      const cases: [string, RegExp][] = [
        [
          MODEL.replace("_class_name: AutoencoderKL, ", "") + PIXELS_ONLY,
          /^model is no config of a model \(it names no class\), expected AutoencoderKL$/,
        ],
        [
          MODEL.replace("[4, 8, 8]", "[4, 8, 8, 8]")
            .replaceAll(/(Down|Up)(En|De)coderBlock2D\]/g, "$1$2coderBlock2D, $1$2coderBlock2D]") +
          PIXELS_ONLY,
          /^this AutoencoderKL cannot encode 28×28 pixels; it needs multiples of 8$/,
        ],
        [
          MODEL.replace("out_channels: 3", "out_channels: 1") + PIXELS_ONLY,
          /^this AutoencoderKL reads 3 and gives 1 channels, expected 3 for images$/,
        ],
        [
          MODEL.replace("sample_size: 28", "sample_size: 32") + PIXELS_ONLY,
          /^model\.sample_size is 32; images of 28×28 pixels need 28$/,
        ],
        [
          MODEL + PERCEPTUAL.replace("[1, 3]", "[1, 4]"),
          /^blocks \[1,4\]: expected some of 0 to 3, the blocks of this Dinov2Model$/,
        ],
        [
          MODEL + PERCEPTUAL.replace("digits-dino", "digits-unet"),
          /digits-unet.*is a config for UNet2DConditionModel, which is no backbone of a discriminator/,
        ],
      ];
      for (const [i, [text, message]] of cases.entries()) {
        await rejectsWith(() => pretrain(configOf(text, join(folder, String(i)))), message);
      }
    })
  ));

Deno.test("checkSize() names the size that a backbone cannot take", () =>
  noLeak(() => {
    const halving = (times: number) => ({
      patchGrids(images: tf.Tensor) {
        let x = images as tf.Tensor4D;
        for (let i = 0; i < times; i++) x = tf.avgPool(x, 2, 2, "valid");
        return [x];
      },
    });
    checkSize(halving(3), "nets/halving", 8);
    assert.throws(
      () => checkSize(halving(4), "nets/halving", 8),
      (error) =>
        error instanceof UserError &&
        /^objective\.perceptual\.backbone nets\/halving cannot take images of 8×8 pixels \(.+\); set .*resolution/
          .test(error.message) &&
        !error.message.includes("\n"),
    );
  }));

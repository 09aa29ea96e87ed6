import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import { guided } from "../../sampling/guidance.ts";
import type { ImageNumbers } from "./image_parts.ts";
import { readInputs } from "./inputs.ts";
import { FILES, type Reply } from "./job.ts";
import { evenlySpaced, timed, valuesOf } from "./outputs.ts";

/**
 * The parts of making an image with a pipeline, each once to warm up and then timed: encoding, network calls under guidance at
 * the first timesteps, and decoding. All calls are on the same noise, which is what is decoded too.
 *
 * @param source folder of the pipeline
 * @param files folder of what all sides read
 */
export async function image(
  source: string,
  files: string,
): Promise<Pick<Reply, "seconds" | "parts" | "outputs">> {
  const { caption, guidanceScale, calls, path } = await readNumbers(files);
  const pipeline = await loadPipeline(source), { start } = await readInputs(files);
  const [params, autoencoder] = [await pipeline.params(), await pipeline.autoencoder()];
  const encode = async () => {
    const encoded = await pipeline.encodePrompt(caption);
    return { ...encoded, text: await valuesOf(tf.clone(encoded.condition.encoder_hidden_states!)) };
  };
  await encode();
  const [{ condition, nullCondition, text }, encoding] = await timed(encode);
  const network = guided(pipeline.denoiser, guidanceScale, nullCondition!);
  const outputs = [];
  for (const { timestep, inputScale } of path) {
    const call = () =>
      valuesOf(
        tf.tidy(() => network.forward(params, start!.mul(inputScale), tf.tensor1d([timestep]), condition)),
      );
    outputs.push(await timed(call));
  }
  const decode = () => valuesOf(tf.tidy(() => autoencoder.decode(start!)));
  await decode();
  const [pixels, decoding] = await timed(decode);
  return {
    seconds: [],
    parts: {
      encode: encoding,
      call: outputs.slice(1).map(([, seconds]) => seconds),
      decode: decoding,
      calls,
    },
    outputs: {
      text: evenlySpaced(text),
      output: evenlySpaced(outputs.at(-1)![0]),
      image: evenlySpaced(pixels),
    },
  };
}

async function readNumbers(files: string): Promise<ImageNumbers> {
  const { image } = JSON.parse(await Deno.readTextFile(join(files, FILES.numbers)));
  return image as ImageNumbers;
}

import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Network } from "../../pipelines/network.ts";
import type { Reply } from "./job.ts";
import { evenlySpaced, timed, valuesOf } from "./outputs.ts";
import { CAPTION } from "./write_config.ts";

/**
 * Loads the text encoders of a pipeline, one after the other, and encodes the caption and the empty text with each, before it is
 * freed.
 *
 * @param source folder of the pipeline
 * @param storage what the encoders' weights are kept in
 */
export async function encode(
  source: string,
  storage: Network["storage"],
): Promise<Pick<Reply, "seconds" | "outputs">> {
  const [{ condition }, seconds] = await timed(async () => {
    const pipeline = await loadPipeline(source, { freeTextEncoders: true });
    for (const network of Object.values(pipeline.networks)) network.storage = storage;
    return await pipeline.encodePrompt(CAPTION);
  });
  const values = Object.entries(condition).map(async ([name, x]) => [name, evenlySpaced(await valuesOf(x))]);
  return { seconds: [seconds], outputs: Object.fromEntries(await Promise.all(values)) };
}

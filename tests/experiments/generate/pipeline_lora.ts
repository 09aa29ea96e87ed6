import { loraAdapter } from "../../../src/lora/adapter.ts";
import { writeLora } from "../../../src/lora/write.ts";
import { loadPipeline } from "../../../src/pipelines/load_pipeline.ts";
import { trainedParams } from "../../lora/cases.ts";

/** Writes a LoRA of a pipeline's UNet, random by `purpose`. */
export async function writePipelineLora(pipeline: string, path: string, purpose: string): Promise<void> {
  const { networks, dispose } = await loadPipeline(pipeline);
  const adapter = loraAdapter(networks.unet!.declarations, { rank: 2, alpha: 8 });
  await writeLora(path, { unet: { adapter, params: trainedParams(adapter, purpose) } }, {
    layout: "diffusers",
    dtype: "F32",
  });
  dispose();
}

import { UserError } from "../../runtime/errors.ts";
import { quantisedFormat, quantisedMessage } from "../../weights/quantised.ts";

/** Shapes of a file's tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Families whose single files are read. */
export type FamilyName = "sd15" | "sdxl" | "sd3";

/** Before the names of the denoiser's weights in every family. */
export const DENOISER = "model.diffusion_model.";

/** What else is saved under these families' names, and how it is told. */
const OTHERS: readonly (readonly [what: string, is: (shapes: Shapes) => boolean])[] = [
  ["a LoRA; give it beside a pipeline (--lora)", (s) => has(s, /\.(lora_(down|up|A|B)|lokr_|hada_)/)],
  ["a Flux checkpoint", (s) => has(s, /(^|\.)double_blocks\.0\./)],
  ["an inpainting checkpoint, whose denoiser has 9 input channels", (s) => inputs(s) === 9],
  ["a checkpoint that edits images, whose denoiser has 8 input channels", (s) => inputs(s) === 8],
  ["Stable Diffusion 2", (s) => has(s, /^cond_stage_model\.model\./) || textWidth(s) === 1024],
  ["the refiner of SDXL", (s) => has(s, /^conditioner\.embedders\.0\.model\./)],
  ["Playground 2.5", (s) => s.has("edm_mean")],
  ["a ControlNet", (s) => has(s, /^(control_model\.|controlnet_|zero_convs\.|input_hint_block\.)/)],
  ["a denoiser alone", (s) => has(s, /^(input_blocks|joint_blocks|down_blocks|transformer_blocks)\.0\./)],
  ["an autoencoder alone", (s) => has(s, /^(encoder|decoder)\.conv_in\.|^first_stage_model\./)],
  [
    "a text encoder alone",
    (s) => has(s, /^(text_model|encoder\.block|embeddings|conditioner|cond_stage_model)\./),
  ],
];

/**
 * The family of a single-file checkpoint in the original names: Stable Diffusion 1, SDXL, or SD3 and SD3.5.
 *
 * @param path named in errors
 * @throws UserError for everything else, by its name where that is known, and for quantised weights
 */
export function familyOf(path: string, shapes: Shapes): FamilyName {
  const quantised = quantisedFormat(shapes.keys());
  if (quantised) throw new UserError(quantisedMessage(path, quantised));
  const whole = shapes.has(`${DENOISER}joint_blocks.0.x_block.attn.qkv.weight`)
    ? "sd3"
    : !shapes.has(`${DENOISER}input_blocks.0.0.weight`)
    ? undefined
    : shapes.has(`${DENOISER}label_emb.0.0.weight`)
    ? "sdxl"
    : "sd15";
  const other = OTHERS.find(([, is]) => is(shapes))?.[0];
  const alone = other !== undefined && / alone$/.test(other);
  if (whole && (!other || alone)) return whole;
  throw new UserError(
    `${path} is ${
      other ?? "no checkpoint that is known by its tensors' names"
    }; a single file is read of Stable Diffusion 1, SDXL, SD3 and SD3.5, whole and in the original names`,
  );
}

function has(shapes: Shapes, pattern: RegExp): boolean {
  return shapes.keys().some((name) => pattern.test(name));
}

/** Width of the text tokens that the denoiser of a Stable Diffusion reads. */
function textWidth(shapes: Shapes): number | undefined {
  return shapes.get(`${DENOISER}middle_block.1.transformer_blocks.0.attn2.to_k.weight`)?.[1];
}

/** Channels that the denoiser of a Stable Diffusion reads. */
function inputs(shapes: Shapes): number | undefined {
  return (shapes.get(`${DENOISER}input_blocks.0.0.weight`) ?? shapes.get("conv_in.weight"))?.[1];
}

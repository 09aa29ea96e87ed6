import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";
import type { Architecture } from "./architecture.ts";
import { type EncodedPrompts, encoderTexts, type PromptOptions } from "./prompts.ts";
import type { EncodedTexts } from "./text_encoder.ts";

/**
 * Encodes P prompts for a pipeline's denoiser, with one pass of each text encoder over prompts and negatives together.
 *
 * @param freeAfter whether the weights of each encoder are freed after its pass
 */
export async function encodePrompt(
  architecture: Architecture,
  prompt: string | readonly string[],
  options: PromptOptions,
  freeAfter: boolean,
): Promise<EncodedPrompts> {
  const { textEncoders } = architecture, { guidance = true } = options;
  const zeros = architecture.zeroNull(options), lengths = architecture.lengths(options);
  const texts = encoderTexts(prompt, options, textEncoders.length, guidance && !zeros);
  const extras = architecture.extras(options, false), nullExtras = architecture.extras(options, true);
  const prompts = texts[0]!.prompts.length, negatives = texts[0]!.negatives.length;
  const encoded: EncodedTexts[] = [], notes: string[] = [];
  try {
    for (const [i, encoder] of textEncoders.entries()) {
      const all = [...texts[i]!.negatives, ...texts[i]!.prompts], { name } = encoder.network;
      encoded.push(await encoder.encode(all, lengths[i]!, notes, options.weights?.[name]));
      if (freeAfter) encoder.network.free();
    }
    const conditions = tf.tidy(() => {
      const rows = splitCondition(architecture.combine(encoded, options), negatives);
      const condition = { ...rows.positive, ...rowsOf(extras, prompts) };
      if (!guidance) return { condition };
      const none = zeros ? zeroCondition(rows.positive) : rows.negative;
      return { condition, nullCondition: { ...none, ...rowsOf(nullExtras, zeros ? 1 : negatives) } };
    }) as Omit<EncodedPrompts, "notes">;
    return { ...conditions, notes };
  } finally {
    tf.dispose(encoded.map((texts) => ({ ...texts })));
  }
}

/** The same numbers for each of a batch: [batch,n]. */
function rowsOf(numbers: Readonly<Record<string, number[]>>, batch: number): Condition {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, row]) => [name, tf.tensor2d([row]).tile([batch, 1])]),
  );
}

/** A condition of negatives, if any, and then prompts → that of each. */
function splitCondition(
  condition: Condition,
  negatives: number,
): { negative: Condition; positive: Condition } {
  const negative: Condition = {}, positive: Condition = {};
  for (const [name, x] of Object.entries(condition)) {
    const [first, second] = negatives ? tf.split(x, [negatives, x.shape[0]! - negatives], 0) : [x, x.clone()];
    negative[name] = first!;
    positive[name] = second!;
  }
  return { negative, positive };
}

/** Zeros in the shape of a condition, batch 1. */
function zeroCondition(condition: Condition): Condition {
  return Object.fromEntries(
    Object.entries(condition).map(([name, x]) => [name, tf.zeros([1, ...x.shape.slice(1)])]),
  );
}

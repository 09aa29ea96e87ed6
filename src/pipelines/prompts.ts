import { UserError } from "../runtime/errors.ts";
import type { Condition } from "../sampling/denoiser.ts";
import type { Params } from "../tensor/params.ts";

/** Height and width in pixels. */
export type Size = readonly [height: number, width: number];

/** What SDXL is told about sizes, in pixels (Podell et al. 2023, section 2.2). */
export interface SizeCondition {
  /** Of the picture before it was resized; default: the image's. */
  original?: Size;
  /** How far a crop lies from the picture's top and left; default: 0, 0. */
  crop?: readonly [top: number, left: number];
  /** Of the image; default: the image's own. */
  target?: Size;
}

/** Weights to use instead of the checkpoint's, by diffusers' name of the component. */
export type Weights = Readonly<Record<string, Params>>;

/** How prompts are encoded. Where a list is allowed, it has one text for each prompt. */
export interface PromptOptions {
  /** What guidance leads away from; default: no text (in SDXL, embeddings of zeros where its config says so). */
  negative?: string | readonly string[];
  /** For the second text encoder of SDXL and SD3; default: the same as for the first. */
  prompt2?: string | readonly string[];
  negative2?: string | readonly string[];
  /** For T5 in SD3; default: the same as for the first. */
  prompt3?: string | readonly string[];
  negative3?: string | readonly string[];
  /** Whether the null condition is made too. Default true. */
  guidance?: boolean;
  /** Image size in pixels, which SDXL is told; default: that of the training images. */
  height?: number;
  width?: number;
  /** SDXL's sizes, where they are not the image's. */
  sizes?: SizeCondition;
  /** The same for the null condition; default: as `sizes`. */
  negativeSizes?: SizeCondition;
  /** Tokens of T5's part in SD3, up to 512; without T5, zeros in their place, of which one stands for all. Default 256. */
  maxSequenceLength?: number;
  /** Tuned text encoders. */
  weights?: Weights;
}

/** Prompts as the denoiser takes them; tensors with the prompts as batch [P,…], yours to dispose with `tf.dispose`. */
export interface EncodedPrompts {
  condition: Condition;
  /** Batch P, or 1 where all are the same; none where guidance was turned off. */
  nullCondition?: Condition;
  /** A line for each text that was too long for an encoder. */
  notes: string[];
}

/** The texts for one encoder: the prompts behind the negatives, so that one pass serves both. */
export interface EncoderTexts {
  prompts: string[];
  /** One, or one for each prompt; none where the null condition needs no text. */
  negatives: string[];
}

/**
 * Spreads prompts over a pipeline's text encoders; as in diffusers, an encoder without a text of its own takes the first
 * one's.
 *
 * @param encoders how many there are
 * @param withNegatives whether negatives are to be encoded
 * @throws UserError for anything but texts, lists of unequal length, and texts for encoders that the pipeline does not have
 */
export function encoderTexts(
  prompt: string | readonly string[],
  options: PromptOptions,
  encoders: number,
  withNegatives: boolean,
): EncoderTexts[] {
  const first = textList("prompt", prompt), count = first.length;
  const given = [
    [first, options.negative],
    [options.prompt2, options.negative2],
    [options.prompt3, options.negative3],
  ] as const;
  given.slice(encoders).forEach(([text, negative], i) => {
    if (text === undefined && negative === undefined) return;
    const number = encoders + i + 1;
    throw new UserError(
      `prompt${number} or negative${number} was given, but this pipeline has ${encoders} text encoders`,
    );
  });
  const negative = options.negative || "";
  const texts = given.slice(0, encoders).map(([text, other], i) => ({
    prompts: listOf(`prompt${i + 1}`, text || first, count),
    negatives: withNegatives ? textList(`negative${i ? i + 1 : ""}`, other || negative) : [],
  }));
  const most = Math.max(...texts.map(({ negatives }) => negatives.length));
  return texts.map(({ prompts, negatives }, i) => ({
    prompts,
    negatives: most > 1 ? listOf(`negative${i ? i + 1 : ""}`, negatives, count) : negatives,
  }));
}

function textList(name: string, value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.find((text) => typeof text !== "string");
  if (list.length > 0 && wrong === undefined && !list.includes(undefined)) return list as string[];
  const got = list.length ? typeof wrong : "an empty list";
  throw new UserError(`${name}: expected a text or a list of texts, got ${got}`);
}

/** `count` texts; a single one is repeated. */
function listOf(name: string, value: string | readonly string[], count: number): string[] {
  const list = textList(name, value);
  if (list.length === count) return list;
  if (list.length === 1) return Array(count).fill(list[0]);
  throw new UserError(`${name}: ${list.length} texts for ${count} prompts; give one, or one for each`);
}

import type { Rows } from "../../display/text.ts";
import { markdownTable } from "../documentation.ts";
import { rounded } from "../ratios.ts";
import { differenceOf, TOLERANCE_TEXT } from "./differences.ts";
import { IMAGE_STEPS, TIMED_CALLS } from "./image_parts.ts";
import type { MeasuredTask } from "./job.ts";
import type { FullSizeMeasurement } from "./measurement.ts";
import { peerOf, SIDES } from "./sides.ts";

const WORK: Record<MeasuredTask, string> = {
  load: "load",
  forward: "one call",
  encode: "load text encoders, encode a caption",
  sample: "one call under guidance",
  image: "one image",
  adt: "one ADT step of a LoRA",
};

/** One row for each measurement; the page's text says what the columns are. */
export function fullSizeRows(all: readonly FullSizeMeasurement[]): Rows {
  return all.map((one) => {
    const peer = peerMeasurement(one, all);
    return {
      model: `${one.model}, ${one.resolution}²`,
      work: WORK[one.task],
      side: one.side,
      "s": secondsOf(one)?.toFixed(1),
      "recording, s": one.recording_seconds?.toFixed(1),
      "peak GiB": memoryText(one),
      "time ×": ratio(secondsOf(one), peer && secondsOf(peer)),
      "memory ×": ratio(one.peak_mib, peer?.peak_mib),
      "differs by": differenceOf(one, all)?.toExponential(1),
    };
  });
}

/** PyTorch's measurement of the same in the same precision. */
function peerMeasurement(
  one: FullSizeMeasurement,
  all: readonly FullSizeMeasurement[],
): FullSizeMeasurement | undefined {
  const side = SIDES.find(({ name }) => name === one.side)!, peer = peerOf(side)?.name;
  return all.find((m) =>
    m.model === one.model && m.resolution === one.resolution && m.task === one.task && m.side === peer
  );
}

const secondsOf = ({ seconds }: FullSizeMeasurement) => seconds.at(-1);

function ratio(value: number | undefined, other: number | undefined): number | undefined {
  return value === undefined || other === undefined ? undefined : rounded(value / other);
}

function memoryText({ over_gib, failed, peak_mib, own_mib }: FullSizeMeasurement): string {
  if (over_gib !== undefined) return `over ${over_gib}`;
  if (failed !== undefined) return "failed";
  const gib = (mib: number) => (mib / 1024).toFixed(1);
  return `${gib(peak_mib!)} (${gib(own_mib)})`;
}

/** The page's text, in Markdown. */
export function fullSizeText(all: readonly FullSizeMeasurement[]): string {
  const machines = distinct(
    all,
    ({ machine: { cpu, cores, memory_gib, os, arch } }) =>
      `${cpu}, ${cores} cores, ${memory_gib} GiB, ${os} ${arch}`,
  );
  const dates = distinct(all, ({ date }) => date).toSorted();
  return `# Full size

Written by \`deno task bench:full-size\`, measured on ${dates.join(", ")}: ${machines.join("; ")}; ${
    distinct(all, ({ engine }) => engine).join("; ")
  }.

${markdownTable(fullSizeRows(all))}

Random weights, read from float16 files. Every row is a process of its own, with its peak of resident memory, loading included, and in
brackets that of its own memory: without the pages of files that it maps, which the system can drop.

*s*: without loading (except where that is the work, or part of it), for a call under guidance the second one, for an ADT step the
first, recording included. *recording, s*: what the recording of all compiled functions took in the process, once a run. *time ×* and
*memory ×*: this project's over PyTorch's in the same precision. *differs by*: the largest difference from the numbers of PyTorch in
float32, or of this project where that has none (an output's values; a step's losses and gradient norms), as a share of the largest
magnitude; ${TOLERANCE_TEXT}.

*bfloat16*: products and convolutions compute in it. Of PyTorch, the frozen networks are loaded in it and called under
\`torch.autocast\`; LoRA, heads, losses and optimisers are float32 on both sides. *int8 base*: the frozen weights of the denoiser are kept as
int8 with a scale for each output channel (\`model.base\`), of text encoders likewise where they are what is loaded.

*One image*: ${IMAGE_STEPS} steps of the pipeline's scheduler under its usual guidance, not run to the end: encoding, one network call and
decoding to warm up, then encoding, ${TIMED_CALLS} network calls and decoding. Its seconds are encoding + the median call × the number of calls +
decoding; PNDM, of Stable Diffusion 1.5, makes ${IMAGE_STEPS + 1} calls in ${IMAGE_STEPS} steps.

*Load* is what a tuning reads before its first step: denoiser, autoencoder, backbone; this project also hashes the text encoders and the
autoencoder, to find what it has encoded before. Text encoders are loaded one after the other, with one in memory at a time.

*The ADT step* is the model's configuration in \`data/configs\` with two sampling steps (T = 2), one of them trained (K = 1): batch 1, LoRA
of rank 16 on attention, the whole autoencoder in the gradient's path, DINOv2-B at 224 pixels, gradient checkpointing of blocks on both
sides.
`;
}

function distinct(
  all: readonly FullSizeMeasurement[],
  text: (one: FullSizeMeasurement) => string | undefined,
): string[] {
  return [...new Set(all.flatMap((one) => text(one) ?? []))];
}

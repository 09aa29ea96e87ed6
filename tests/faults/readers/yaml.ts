import { parse } from "@std/yaml";
import fc from "fast-check";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadStudy } from "../../../src/experiments/ablate/study.ts";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { type Content, oddFileOrPipe } from "../input.ts";
import { oddBytes } from "../odd_bytes.ts";
import { oddJson } from "../odd_json.ts";
import { oddText } from "../odd_text.ts";
import type { Reader } from "../reader.ts";

const DATA = fileURLToPath(new URL("../../../data/", import.meta.url));

const TOKENS = [
  "- ",
  "? ",
  ": ",
  "[",
  "]",
  "{",
  "}",
  ",",
  "&a ",
  "*a",
  "*a, ",
  "<<: *a",
  "<<: [*a, *a]",
  "|",
  ">",
  "|2\n",
  "'",
  '"',
  "\\",
  "#",
  "%YAML 1.1\n",
  "---\n",
  "...\n",
  "\n",
  "\n  ",
  "\t",
  "!!binary ",
  "!!set ",
  "!!omap ",
  "!!pairs ",
  "!!float ",
  "!!timestamp ",
  "!!null ",
  "!x ",
  "~",
  ".inf",
  ".nan",
  "0x",
  "1e999",
  "2001-01-01",
  "__proto__: 1\n",
  "constructor: ",
  "a: ",
  "a: 1\n",
  "- - - - ",
  "[[[[",
  "{a: ",
  "? ? ? ",
  "&a [*a]",
  "\u0085",
  "@",
  "`",
]; // deno-fmt-ignore

/** Lines each of which stands for those above: twice, many times, merged, as keys. */
const bomb: fc.Arbitrary<string> = fc.record({
  levels: fc.integer({ min: 1, max: 60 }),
  width: fc.integer({ min: 1, max: 40 }),
  wrap: fc.constantFrom("[*]", "{ <<: [*] }", "{ ? [*] : 1 }", "{ a: [*] }", "!!set { ? [*] }", "{ *: 1 }"),
}).map(({ levels, width, wrap }) =>
  Array.from({ length: levels }, (_, i) => {
    const aliases = Array(width).fill(`*a${i}`).join(", ");
    return `a${i + 1}: &a${i + 1} ${wrap.replace("*", aliases)}`;
  }).reduce((all, line) => `${all}\n${line}`, "a0: &a0 {x: 1}")
);

/** YAML as a list of files, written as they are with changes, or as JSON, which is YAML too, with odd values. */
async function oddYaml(folder: string, names: readonly string[]): Promise<fc.Arbitrary<Content>> {
  const texts = await Promise.all(names.map((name) => Deno.readTextFile(join(DATA, folder, name))));
  return fc.oneof(
    { weight: 8, arbitrary: fc.oneof(...texts.map((text) => oddJson(parse(text)))) },
    { weight: 8, arbitrary: fc.oneof(...texts.map((text) => oddText(text, TOKENS))) },
    { weight: 2, arbitrary: fc.oneof(...texts.map((text) => oddBytes(new TextEncoder().encode(text)))) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...texts), bomb).map(([text, bomb]) => `${text}\n${bomb}\n`),
    },
    { weight: 1, arbitrary: oddFileOrPipe },
  );
}

const reader = async (
  kind: string,
  folder: string,
  names: readonly string[],
  read: (file: string) => Promise<unknown>,
): Promise<Reader> => ({
  name: `${kind} configurations`,
  share: 50,
  inputs: (await oddYaml(folder, names)).map((content) => ({ "config.yaml": content })),
  read: (folder) => read(join(folder, "config.yaml")),
});

export const yaml: readonly Reader[] = [
  await reader(
    "tune",
    "configs",
    ["digits-adt.yaml", "sd15-adt.yaml", "sd3-adt.yaml"],
    (file) => loadConfig(file, tuneSchema),
  ),
  await reader(
    "pretrain",
    "models",
    ["digits-unet.yaml", "mini-sd15.yaml", "mini-vae.yaml", "mini-text.yaml", "digits-dino.yaml"],
    (file) => loadConfig(file, pretrainSchema),
  ),
  await reader(
    "study",
    "studies",
    ["headline.yaml", "guidance.yaml", "cost.yaml", "samplers.yaml"],
    loadStudy,
  ),
];

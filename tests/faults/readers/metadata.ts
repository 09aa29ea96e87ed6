import fc from "fast-check";
import { join } from "node:path";
import sharp from "sharp";
import { listImages } from "../../../src/data/image_list.ts";
import { readMetadata } from "../../../src/data/image_metadata.ts";
import { fixture } from "../../support.ts";
import { type Content, type Input, oddFileOrPipe } from "../input.ts";
import { oddBytes } from "../odd_bytes.ts";
import { oddJson } from "../odd_json.ts";
import { oddText } from "../odd_text.ts";
import type { Reader } from "../reader.ts";

const PICTURE = new Uint8Array(
  await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).png().toBuffer(),
);
const ROWS = [{ file_name: "a.png", text: "a cat", label: 3 }, {
  file_name: "b/c.png",
  text: "café",
  label: 0,
}];
const JSONL = ROWS.map((row) => JSON.stringify(row)).join("\n");
const CSV = 'file_name,text,label\na.png,"a ""red"" cat",3\nb/c.png,"two\nlines",0\n';
const PARQUET = await Deno.readFile(fixture("metadata_parquet/metadata.parquet"));

const NAMES = [
  "",
  ".",
  "..",
  "/",
  "\0",
  "a\0.png",
  "../../etc/passwd",
  "/dev/zero",
  "a.png/x",
  "x/".repeat(5000),
  "n".repeat(5000),
  "\ud800.png",
  "C:\\a.png",
]; // deno-fmt-ignore

const jsonl: fc.Arbitrary<Content> = fc.oneof(
  { weight: 4, arbitrary: fc.array(oddJson(ROWS[0]), { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n")) },
  { weight: 2, arbitrary: oddText(JSONL, ["{", "}", '"', "\n", "\r\n", "\\u0000", '{"file_name":"a.png"}\n', ","]) },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES).map((file_name) => JSON.stringify({ file_name, text: "x" })) },
  { weight: 1, arbitrary: oddBytes(new TextEncoder().encode(JSONL)) },
  { weight: 1, arbitrary: oddFileOrPipe },
);
const csv: fc.Arbitrary<Content> = fc.oneof(
  {
    weight: 5,
    arbitrary: oddText(CSV, [
      '"',
      '""',
      ",",
      "\n",
      "\r",
      "\r\n",
      ",,,\n",
      "a.png,x,1\n",
      "__proto__,",
      "label,",
      ";",
      "\t",
    ]),
  },
  { weight: 1, arbitrary: oddBytes(new TextEncoder().encode(CSV)) },
  { weight: 1, arbitrary: oddFileOrPipe },
);
const parquet: fc.Arbitrary<Content> = fc.oneof(
  { weight: 9, arbitrary: oddBytes(PARQUET) },
  { weight: 1, arbitrary: oddFileOrPipe },
);

const KINDS = { "metadata.jsonl": jsonl, "metadata.csv": csv, "metadata.parquet": parquet };

export const metadata: readonly Reader[] = Object.entries(KINDS).map(([name, contents]) => ({
  name,
  share: name.endsWith("l") ? 60 : 50,
  inputs: contents.map((content): Input => ({ [name]: content, "a.png": PICTURE, "b/c.png": PICTURE })),
  async read(folder) {
    const list = await listImages(folder);
    await readMetadata(join(folder, name));
    return list;
  },
}));

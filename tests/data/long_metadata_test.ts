import assert from "node:assert/strict";
import { join } from "node:path";
import { readMetadata } from "../../src/data/image_metadata.ts";
import { textBlocks } from "../../src/runtime/text_blocks.ts";
import { refused } from "../refused.ts";

const LINES = 100_000;

const KINDS: Record<string, [head: string, line: (i: number) => string]> = {
  "metadata.jsonl": [
    "\n",
    (i) => JSON.stringify({ file_name: `${i}.png`, text: `café ${i}`, label: i % 10 }),
  ],
  "metadata.csv": ["\ufefffile_name,text,label\n", (i) => `${i}.png,"café ${i}",${i % 10}`],
};

async function withFile(
  name: string,
  lines: Iterable<string>,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir(), path = join(folder, name);
  try {
    await Deno.writeTextFile(path, [...lines].join("\n"));
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, [head, line]] of Object.entries(KINDS)) {
  const lines = () => Array.from({ length: LINES }, (_, i) => i === 0 ? head + line(i) : line(i));

  Deno.test(`readMetadata() reads ${name} of any length, all its lines in order`, () =>
    withFile(name, lines(), async (path) => {
      const { images, unread } = await readMetadata(path);
      assert.deepEqual(unread, []);
      assert.equal(images.length, LINES);
      for (const [i, image] of images.entries()) {
        assert.deepEqual(image, { file: `${i}.png`, caption: `café ${i}`, label: i % 10 });
      }
    }));

  Deno.test(`readMetadata() names the line of ${name} that is wrong, however far down`, () => {
    const wrong = name.endsWith(".csv") ? "a,b,c,d" : '{"file_name": 5}';
    return withFile(name, [...lines(), wrong], async (path) => {
      assert.match((await refused(name, () => readMetadata(path))).message, new RegExp(`line ${LINES + 2}`));
    });
  });
}

Deno.test("textBlocks() names the line that is not UTF-8, in any block, and refuses a line without end", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "text");
  try {
    const bytes = new Uint8Array(3_000_000).fill(65).map((a, i) => i % 10 === 9 ? 10 : a);
    bytes[2_500_005] = 0xff;
    await Deno.writeFile(path, bytes);
    assert.match(
      (await refused("bytes", () => Array.fromAsync(textBlocks(path)))).message,
      /line 250001 is not UTF-8/,
    );
    await Deno.writeFile(path, new Uint8Array(2 ** 20 + 10).fill(65));
    assert.match(
      (await refused("long", () => Array.fromAsync(textBlocks(path)))).message,
      /line 1 is too long/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

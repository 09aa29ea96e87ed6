import fc from "fast-check";
import { imageFolder } from "../../../src/data/image_folder.ts";
import { fixture } from "../../support.ts";
import { type Content, type Input, oddFileOrPipe } from "../input.ts";
import { oddBytes } from "../odd_bytes.ts";
import type { Reader } from "../reader.ts";

const SHARDS = {
  "a.tar": await Deno.readFile(fixture("shards_tar/00001.tar")),
  "a.parquet": await Deno.readFile(fixture("shards_parquet/data/train-00000-of-00002.parquet")),
};

/** Folders with one shard, whose pictures are all read. */
export const shards: readonly Reader[] = Object.entries(SHARDS).map(([name, bytes]) => ({
  name: `shards: ${name}`,
  share: 50,
  inputs: fc.oneof(
    { weight: 9, arbitrary: oddBytes(bytes) as fc.Arbitrary<Content> },
    { weight: 1, arbitrary: oddFileOrPipe },
  ).map((content): Input => ({ [name]: content })),
  async read(folder) {
    const { get, size } = await imageFolder(folder, { resolution: 8 });
    (await get(Array.from({ length: Math.min(size, 10) }, (_, i) => i))).images.dispose();
  },
}));

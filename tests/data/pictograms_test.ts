import assert from "node:assert/strict";
import { decode } from "fast-png";
import { dataFolder } from "../../src/data/bundled.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { makeLoader } from "../../src/data/loader.ts";
import { openDataset } from "../../src/data/open_dataset.ts";
import { drawCaption, PICTOGRAM_STYLES } from "../../src/data/pictogram_captions.ts";
import {
  loadPictograms,
  PICTOGRAM_SPLITS,
  type PictogramFacts,
  pictogramsDataset,
} from "../../src/data/pictograms.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { fixture, startTestEngine } from "../support.ts";

const TILE = 64 * 64 * 3;

async function allFacts(): Promise<PictogramFacts[]> {
  return (await Promise.all(PICTOGRAM_SPLITS.map((split) => loadPictograms(split)))).flatMap((
    { facts },
  ) => [...facts]);
}

function readJson<T>(path: string): T {
  return JSON.parse(Deno.readTextFileSync(fixture(path)));
}

Deno.test("loadPictograms() gives every picture once: 3,511 in two styles, 3,119 in 3D", async () => {
  const facts = await allFacts();
  const counts = PICTOGRAM_STYLES.map((style) => facts.filter((of) => of.style === style).length);
  assert.deepEqual(counts, [3119, 3511, 3511]);
  assert.equal(new Set(facts.map(({ style, codepoints }) => `${style} ${codepoints}`)).size, 10_141);
  assert.equal(new Set(facts.map(({ sheet, place }) => `${sheet} ${place}`)).size, 10_141);
  const bare = PICTOGRAM_STYLES.map((style) => facts.filter((of) => of.style === style && !of.tones).length);
  assert.deepEqual(bare, [1599, 1636, 1636]);
});

Deno.test("loadPictograms(): a concept and its family are in one split, in all styles and skin tones", async () => {
  const splits = new Map<string, Set<string>>();
  for (const { concept, family, split } of await allFacts()) {
    for (const key of [`concept ${concept}`, `family ${family}`]) {
      splits.set(key, (splits.get(key) ?? new Set()).add(split));
    }
  }
  for (const [key, found] of splits) assert.equal(found.size, 1, `${key} is in ${[...found].join(", ")}`);
});

Deno.test("loadPictograms(): near-duplicates are of one family", async () => {
  const families = new Map((await allFacts()).map(({ concept, family }) => [concept, family]));
  const alike = [
    ["person running", "man running", "woman running: facing right"],
    ["astronaut", "man astronaut", "woman astronaut"],
    ["man: red hair", "woman: bald", "person", "old man"],
    ["one o’clock", "eleven-thirty"],
    ["new moon", "full moon face", "crescent moon"],
    ["keycap: 1", "keycap: #"],
    ["family: man, woman, boy", "family: woman, girl", "family"],
    ["dog face", "dog"],
    ["red heart", "grey heart"],
    ["merman", "mermaid"],
  ];
  for (const [first, ...others] of alike) {
    for (const other of others) assert.equal(families.get(other), families.get(first!), `${other}, ${first}`);
  }
  assert.notEqual(families.get("person running"), families.get("person walking"));
  assert.notEqual(families.get("moon cake"), families.get("new moon"));
});

Deno.test("loadPictograms(): a tenth of each category's concepts is for search and a tenth is final", async () => {
  const concepts = new Map((await allFacts()).map((of) => [of.concept, of]));
  const categories = Object.groupBy(concepts.values(), ({ category }) => category);
  assert.equal(Object.keys(categories).length, 8);
  for (const [category, all] of Object.entries(categories)) {
    for (const split of ["search", "final"]) {
      const share = all!.filter((of) => of.split === split).length / all!.length;
      assert.ok(Math.abs(share - 0.1) < 0.01, `${category}: ${share} in ${split}`);
    }
  }
});

Deno.test("loadPictograms() decodes the sheets exactly as Pillow does", async () => {
  const hashes = readJson<Record<string, string>>("pictograms/sheets.json");
  let checked = 0;
  for (const split of PICTOGRAM_SPLITS) {
    const { images, facts } = await loadPictograms(split);
    for (const sheet of new Set(facts.map((of) => of.sheet))) {
      const first = facts.findIndex((of) => of.sheet === sheet);
      const count = facts.filter((of) => of.sheet === sheet).length;
      assert.equal(sha256(images.slice(first * TILE, (first + count) * TILE)), hashes[sheet], sheet);
      checked++;
    }
  }
  assert.equal(checked, Object.keys(hashes).length);
});

Deno.test("loadPictograms(): tiles are the packages' pictures on white, as Pillow reads them", async () => {
  const row = decode(Deno.readFileSync(fixture("pictograms/tiles.png")));
  const tiles = readJson<{ style: string; codepoints: string }[]>("pictograms/tiles.json");
  let found = 0;
  for (const split of PICTOGRAM_SPLITS) {
    const { images, facts } = await loadPictograms(split);
    for (const [at, { style, codepoints }] of tiles.entries()) {
      const i = facts.findIndex((of) => of.style === style && of.codepoints === codepoints);
      if (i < 0) continue;
      let worst = 0, sum = 0;
      for (let p = 0; p < TILE; p++) {
        const source = row.data[(Math.floor(p / 192) * tiles.length + at) * 192 + p % 192]!;
        const difference = Math.abs(images[i * TILE + p]! - source);
        worst = Math.max(worst, difference);
        sum += difference;
      }
      // 4 by near-lossless WebP, 1 by how transparency is rounded; the large pictures in 3D are also scaled by another library.
      const most = style === "3D" ? 12 : 5;
      assert.ok(worst <= most && sum / TILE < 1.5, `${style} ${codepoints}: ${worst}, mean ${sum / TILE}`);
      found++;
    }
  }
  assert.equal(found, tiles.length);
});

Deno.test("loadPictograms() reads the files once, and names a split that is not there", async () => {
  assert.equal(await loadPictograms("search"), await loadPictograms("search"));
  await assert.rejects(loadPictograms("test" as "train"), {
    name: "UserError",
    message: 'there is no split "test" of the pictograms; it is one of "train", "search", "final"',
  });
});

Deno.test("loadPictograms() refuses a damaged sheet, and tries again once it is mended", async () => {
  const folder = new URL(`file://${await Deno.makeTempDir()}/`);
  await Deno.mkdir(new URL("pictograms/", folder));
  const names = [...Deno.readDirSync(new URL("pictograms/", dataFolder))].map(({ name }) =>
    `pictograms/${name}`
  );
  for (const name of ["manifest.json", ...names.filter((name) => /final|metadata/.test(name))]) {
    await Deno.copyFile(new URL(name, dataFolder), new URL(name, folder));
  }
  const file = new URL("pictograms/final-flat-0.webp", folder), bytes = await Deno.readFile(file);
  bytes[1000]! ^= 1;
  await Deno.writeFile(file, bytes);
  await assert.rejects(loadPictograms("final", folder), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /final-flat-0\.webp is damaged or was changed: its SHA-256 is/);
    return true;
  });
  bytes[1000]! ^= 1;
  await Deno.writeFile(file, bytes);
  assert.equal(
    (await loadPictograms("final", folder)).facts.length,
    (await loadPictograms("final")).facts.length,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("pictogramsDataset() gives images [B, 64, 64, 3] in [-1, 1] with captions", async () => {
  await startTestEngine();
  const data = await pictogramsDataset("search", { seed: 3 }),
    { images, facts } = await loadPictograms("search");
  const batch = await data.get([5, 700, 5], [0, 2, 1]);
  assert.deepEqual(batch.images.shape, [3, 64, 64, 3]);
  assert.deepEqual([...batch.indices], [5, 700, 5]);
  const values = batch.images.dataSync();
  for (let p = 0; p < TILE; p++) {
    assert.equal(values[TILE + p], Math.fround(images[700 * TILE + p]! / 127.5 - 1));
  }
  const expected = [[5, 0], [700, 2], [5, 1]].map(([picture, epoch]) =>
    drawCaption(facts[picture!]!, { seed: 3, epoch: epoch!, picture: picture! })
  );
  assert.deepEqual(batch.captions, expected);
  batch.images.dispose();
  assert.throws(() => data.get([data.size]), /is not in this data set/);
});

Deno.test("pictogramsDataset() with a loader: each epoch draws its own captions, also within one batch", async () => {
  await startTestEngine();
  const data = await pictogramsDataset("search"), { facts } = await loadPictograms("search");
  const batchSize = 600, loader = makeLoader(data, { batchSize, seed: 0 }), first = await loader.batch(0);
  const second = await loader.batch(1);
  const crossing = data.size - batchSize;
  second.captions!.forEach((caption, b) => {
    const picture = second.indices[b]!, epoch = b < crossing ? 0 : 1;
    assert.equal(caption, drawCaption(facts[picture]!, { seed: 0, epoch, picture }));
  });
  const before = new Map([...first.indices].map((picture, b) => [picture, first.captions![b]]));
  const again = [...second.indices].flatMap((picture, b) =>
    b >= crossing && before.has(picture) ? [before.get(picture) === second.captions![b]] : []
  );
  assert.ok(again.length > 50 && again.filter((same) => same).length < again.length / 2);
  first.images.dispose();
  second.images.dispose();
});

Deno.test("openDataset() of pictograms draws captions by the seed it is given", async () => {
  await startTestEngine();
  const source = { kind: "pictograms", split: "search" } as const,
    places = Array.from({ length: 20 }, (_, i) => i);
  const captionsOf = async (data: Dataset) => {
    const { images, captions } = await data.get(places);
    images.dispose();
    return captions;
  };
  const seeded = await captionsOf(await openDataset(source, { seed: 7 }));
  assert.deepEqual(seeded, await captionsOf(await pictogramsDataset("search", { seed: 7 })));
  assert.notDeepEqual(seeded, await captionsOf(await openDataset(source)));
});

import assert from "node:assert/strict";
import type { Batch, Dataset } from "../../src/data/dataset.ts";
import { makeLoader } from "../../src/data/loader.ts";

function indexDataset(size: number): Dataset {
  return { size, get: () => Promise.reject(new Error("only indices are asked for")) };
}

function firstIndices(size: number, batchSize: number, batches: number, seed = 0): number[] {
  const loader = makeLoader(indexDataset(size), { batchSize, seed });
  return Array.from({ length: batches }, (_, k) => [...loader.indices(k)]).flat();
}

Deno.test("makeLoader() shows every image once per epoch, in a new order", () => {
  const shown = firstIndices(10, 4, 5);
  const first = shown.slice(0, 10), second = shown.slice(10);
  const all = Array.from({ length: 10 }, (_, i) => i);
  assert.deepEqual(first.toSorted((a, b) => a - b), all);
  assert.deepEqual(second.toSorted((a, b) => a - b), all);
  assert.notDeepEqual(first, second);
});

Deno.test("makeLoader(): the order of the images does not depend on the batch size", () => {
  assert.deepEqual(firstIndices(10, 4, 5), firstIndices(10, 20, 1));
});

Deno.test("makeLoader(): a batch depends on its number only, so a run resumes at its cursor", () => {
  const resumed = makeLoader(indexDataset(7), { batchSize: 3, seed: 5 });
  const whole = firstIndices(7, 3, 30, 5);
  for (const k of [29, 4, 17, 0]) assert.deepEqual([...resumed.indices(k)], whole.slice(3 * k, 3 * k + 3));
});

Deno.test("makeLoader(): another seed gives another order", () => {
  assert.notDeepEqual(firstIndices(50, 10, 5, 1), firstIndices(50, 10, 5, 2));
});

Deno.test("makeLoader() serves a data set smaller than a batch", () => {
  const counts = [0, 0, 0];
  for (const i of firstIndices(3, 9, 1)) counts[i]!++;
  assert.deepEqual(counts, [3, 3, 3]);
});

Deno.test("makeLoader() refuses an empty data set and a bad batch size", () => {
  assert.throws(() => makeLoader(indexDataset(0), { batchSize: 1, seed: 0 }), /data set is empty/);
  assert.throws(() => makeLoader(indexDataset(1), { batchSize: 0, seed: 0 }), /batchSize must be/);
});

Deno.test("makeLoader() tells the data set each item's epoch, also where a batch crosses from one to the next", async () => {
  const asked: number[][] = [];
  const dataset: Dataset = {
    size: 5,
    get(indices, epochs) {
      asked.push(Array.from(epochs!));
      return Promise.resolve({ indices: Uint32Array.from(indices) } as Batch);
    },
  };
  const loader = makeLoader(dataset, { batchSize: 3, seed: 0 });
  for (const k of [0, 1, 3, 4]) await loader.batch(k);
  assert.deepEqual(asked, [[0, 0, 0], [0, 0, 1], [1, 2, 2], [2, 2, 2]]);
});

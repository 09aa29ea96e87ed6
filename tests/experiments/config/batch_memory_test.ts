import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkBatchFits } from "../../../src/experiments/config/batch_memory.ts";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { pretrain } from "../../../src/experiments/pretrain/pretrain.ts";
import type { PretrainConfig } from "../../../src/experiments/pretrain/config.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

const digits = (batch_size: number) => ({ data: { kind: "digits" as const }, train: { batch_size } });

Deno.test("checkBatchFits() refuses images that alone are larger than the memory", () => {
  checkBatchFits(digits(100), 28 * 28 * 3 * 4 * 100);
  assert.throws(() => checkBatchFits(digits(101), 28 * 28 * 3 * 4 * 100), {
    name: "UserError",
    message: /^train\.batch_size: 101 images of 28×28 pixels take 950 kB, .* choose far less than 100$/,
  });
  const folder = { kind: "folder" as const, path: "x", resolution: 1e6, strict: false };
  assert.throws(
    () => checkBatchFits({ data: folder, train: { batch_size: 1 } }, 1e9),
    /1 images of 1000000×1000000 pixels take 12000\.0 GB, .* choose a lower data\.resolution$/,
  );
});

Deno.test("tunings and pretrainings of such batches are refused before anything is written", () =>
  inTempFolder(async (folder) => {
    const file = fileURLToPath(new URL("../../../data/configs/digits-adt.yaml", import.meta.url));
    const config = { ...await loadConfig(file, tuneSchema), output: join(folder, "run") };
    const train = { ...config.train, batch_size: 1e9 };
    await rejectsWith(() => tune({ ...config, train }), /train\.batch_size: 1000000000 images of 28×28/);
    const pretraining = { data: config.data, train, output: config.output } as PretrainConfig;
    await rejectsWith(() => pretrain(pretraining), /train\.batch_size: 1000000000 images/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

import assert from "node:assert/strict";
import { join } from "node:path";
import { openMetricsLog, readMetrics } from "../../src/training/metrics_log.ts";

async function withLog(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await test(join(folder, "metrics.jsonl"));
  await Deno.remove(folder, { recursive: true });
}

Deno.test("readMetrics() gives back what was appended, numbers that are not finite too", () =>
  withLog(async (path) => {
    const records = [
      { step: 1, loss: 0.1, plan: { kind: "stop-input", trained: [1, 4, 7] } },
      { step: 2, loss: NaN, grad_norm: Infinity, low: -Infinity, note: null, ok: true },
    ];
    using log = await openMetricsLog(path);
    for (const record of records) log.append(record);
    assert.deepEqual(await readMetrics(path), records);
  }));

Deno.test("append(): a line is in the file at once, and every line is JSON", () =>
  withLog(async (path) => {
    using log = await openMetricsLog(path);
    log.append({ step: 1, loss: NaN });
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), { step: 1, loss: "NaN" });
  }));

Deno.test("openMetricsLog() drops the steps after the last one and a half-written line", () =>
  withLog(async (path) => {
    await Deno.writeTextFile(
      path,
      [1, 2, 3, 4].map((step) => `{"step":${step}}\n`).join("") + '{"step":5,"lo',
    );
    using log = await openMetricsLog(path, 2);
    log.append({ step: 3, again: true });
    assert.deepEqual(await readMetrics(path), [{ step: 1 }, { step: 2 }, { step: 3, again: true }]);
  }));

Deno.test("readMetrics() of a missing file is empty", () =>
  withLog(async (path) => assert.deepEqual(await readMetrics(path), [])));

Deno.test("readMetrics() names a line that is not a record", () =>
  withLog(async (path) => {
    await Deno.writeTextFile(path, '{"step":1}\noops\n{"step":2}\n');
    await assert.rejects(readMetrics(path), {
      name: "UserError",
      message: /metrics\.jsonl, line 2: not JSON/,
    });
    await Deno.writeTextFile(path, '{"loss":1}\n');
    await assert.rejects(readMetrics(path), {
      name: "UserError",
      message: /line 1: a record with a number "step"/,
    });
  }));

Deno.test("openMetricsLog() in a missing folder is a UserError", () =>
  withLog(async (path) => {
    await assert.rejects(openMetricsLog(join(path, "none", "m.jsonl")), {
      name: "UserError",
      message: /cannot write/,
    });
  }));

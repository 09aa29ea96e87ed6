import assert from "node:assert/strict";
import { progress, type ProgressOutput, sharedBars } from "../../src/display/progress.ts";

/** A bar on a clock that the test moves, and what it has written. */
function bar(total: number, { live = false, columns = 120, start = 0 } = {}) {
  const written: string[] = [], time = { now: 0 };
  const output: ProgressOutput = { live, columns, write: (text) => void written.push(text) };
  return { bar: progress(total, "tuning", { clock: () => time.now, output, start }), written, time };
}

Deno.test("progress() forecasts from the rate", async () => {
  const { bar: it, written, time } = bar(100);
  for (let i = 1; i <= 50; i++) time.now = 2 * i, it.update(i, "loss 0.5");
  assert.equal(written.at(-1), "tuning  48 % 48/100 steps, 0.5 steps/s, 1 min 44 s left  loss 0.5\n");
  time.now = 150;
  await it.done();
  assert.match(written.at(-1)!, /50 % 50\/100/);
});

Deno.test("progress() ends with the time it took, on one line of its own", async () => {
  const { bar: it, written, time } = bar(4);
  for (let i = 1; i <= 4; i++) time.now = i, it.update(i);
  await it.done();
  assert.equal(written.filter((line) => line.includes("100 %")).length, 1);
  assert.equal(written.at(-1), "tuning 100 % 4/4 steps, 1 steps/s, took 4.0 s\n");
});

Deno.test("progress() in a file prints a line every 5 s and one at the end, whatever the work", async () => {
  const fast = bar(1000);
  for (let i = 1; i <= 1000; i++) fast.time.now = i / 1000, fast.bar.update(i);
  assert.equal(fast.written.length, 0);
  await fast.bar.done();
  assert.equal(fast.written.length, 1);
  const slow = bar(1000);
  for (let i = 1; i <= 20; i++) slow.time.now = i, slow.bar.update(i);
  assert.equal(slow.written.length, 4);
});

Deno.test("progress() tells no rate of work that took next to nothing", async () => {
  const { bar: it, written, time } = bar(2);
  time.now = 2e-5, it.update(2);
  await it.done();
  assert.equal(written.at(-1), "tuning 100 % 2/2 steps, took 0.0 s\n");
});

Deno.test("progress() in a terminal overwrites one line, at a bounded rate, within the width", async () => {
  const { bar: it, written, time } = bar(1000, { live: true, columns: 40 });
  for (let i = 1; i <= 1000; i++) time.now = i / 1000, it.update(i, "a note that is long");
  await it.done();
  assert.ok(written.length <= 12, `${written.length} drawings in a second`);
  for (const text of written) {
    assert.ok(text.startsWith("\r\x1b[K"));
    assert.match(text.slice(4), /^[^\n]{0,39}\n?$/);
  }
  assert.equal(written.filter((text) => text.endsWith("\n")).length, 1);
});

Deno.test("progress() of resumed work counts its rate from where it resumed", () => {
  const { bar: it, written, time } = bar(100, { start: 80 });
  time.now = 10, it.update(90);
  assert.equal(written.at(-1), "tuning  90 % 90/100 steps, 1 steps/s, 10 s left\n");
});

Deno.test("progress() bars under way at once have a line each, and a finished one moves above the others", async () => {
  const written: string[] = [],
    output: ProgressOutput = { live: true, columns: 120, write: (t) => void written.push(t) };
  const last = () => written.at(-1)!.replaceAll("\x1b[", "␛");
  const [a, b] = ["first", "second"].map((label) => progress(2, label, { clock: () => 0, output }));
  a!.update(1);
  b!.update(1);
  assert.match(last(), /^\r␛Kfirst [^\n]*\n␛Ksecond [^\n]*$/);
  await b!.done();
  assert.match(last(), /^␛1A\r␛Ksecond [^\n]*\n␛Kfirst [^\n]*$/);
  await a!.done();
  assert.match(last(), /^\r␛Kfirst [^\n]*\n$/);
});

Deno.test("sharedBars() lets a notebook's bars share one output, in which an ended bar makes room for the next", async () => {
  const sent: { text: string; id: string; update: boolean }[] = [];
  const host = Deno as unknown as { jupyter?: { display: unknown } };
  host.jupyter = {
    display(bundle: Record<string, string>, { display_id, update }: { display_id: string; update: boolean }) {
      sent.push({ text: bundle["text/plain"]!, id: display_id, update });
      return Promise.resolve();
    },
  };
  try {
    const bars = (...labels: string[]) => labels.map((label) => progress(2, label, { clock: () => 1 }));
    {
      using _shared = sharedBars();
      const [first, second] = bars("first", "second");
      await first!.done();
      await second!.done();
      const [third, fourth] = bars("third", "fourth");
      third!.update(1);
      await fourth!.done();
      await third!.done();
    }
    const shown = sent.map(({ text }) => text.split("\n").map((line) => line.split(" ")[0]).join(" "));
    assert.deepEqual(shown, ["first", "second", "third", "third fourth", "third fourth"]);
    assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
    assert.deepEqual(sent.map(({ update }) => update), [false, true, true, true, true]);
    const [fifth, sixth] = bars("fifth", "sixth");
    await fifth!.done();
    await sixth!.done();
    assert.equal(new Set(sent.map(({ id }) => id)).size, 3);
  } finally {
    host.jupyter = undefined;
  }
});

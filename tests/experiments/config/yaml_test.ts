import assert from "node:assert/strict";
import { join } from "node:path";
import { loadStudy } from "../../../src/experiments/ablate/study.ts";
import { parseConfig } from "../../../src/experiments/config/config.ts";
import { parseYaml, readYaml } from "../../../src/experiments/config/yaml.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { refused } from "../../refused.ts";

/** Fails unless the text is refused soon, as configuration and as study, in few words. */
async function refusedSoon(text: string, expected: RegExp): Promise<void> {
  const began = performance.now();
  for (const read of [() => parseConfig(text, "run.yaml", tuneSchema), () => loadedStudy(text)]) {
    const { message, cause } = await refused(text.slice(0, 40), read);
    assert.match(message, expected);
    assert.ok(message.length < 5000, `${message.length} characters`);
    assert.ok(String(cause ?? "").length < 1000, "the cause is long");
  }
  assert.ok(performance.now() - began < 10_000, `took ${performance.now() - began} ms`);
}

async function loadedStudy(text: string): Promise<void> {
  const folder = await Deno.makeTempDir(), file = join(folder, "study.yaml");
  try {
    await Deno.writeTextFile(file, text);
    await loadStudy(file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const repeated = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

Deno.test("a YAML file that is too large is refused before it is read as YAML", async () => {
  await refusedSoon(repeated(2e6, () => "- 1"), /has more than 64000 (bytes|characters)/);
  await refused("endless", () => readYaml("/dev/zero"));
});

Deno.test("many keys and long lists of a size that is allowed are soon read, and told in few words", async () => {
  await refusedSoon(repeated(4_000, (i) => `key${i}: ${i}`), /\d{4} faults:(.|\n)*and \d{4} more$/);
  await refusedSoon(
    `base:\n${repeated(3_000, (i) => `  key${i}: ${i}`)}\nkey: 1\nkey: 2`,
    /unique at line 3003, column 1/,
  );
  await refusedSoon(
    `optimizer: { betas: [${"x, ".repeat(20_000)}] }`,
    /got 20000 items|optimizer: there is no such key/,
  );
  await refusedSoon(`arms:\n${repeated(10_000, () => "  - x")}`, /arms/);
});

Deno.test("aliases that stand for billions of values are refused", async () => {
  const doubled = repeated(40, (i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
  await refusedSoon(`a0: &a0 [x]\n${doubled}`, /aliases followed/);
  const merged = repeated(40, (i) => `a${i + 1}: &a${i + 1} { <<: [*a${i}, *a${i}] }`);
  await refusedSoon(`a0: &a0 {x: 1}\n${merged}`, /aliases followed/);
  const wide = `a: &a\n${repeated(3_000, (i) => `  k${i}: 1`)}\nb:\n${repeated(500, () => "- <<: *a")}`;
  await refusedSoon(wide, /aliases followed/);
  await refusedSoon(`a: &a 1\nb: [${"*a, ".repeat(5000)}]`, /more than 1000 aliases/);
});

Deno.test("what is nested without end is refused: brackets, and a value that is part of itself", async () => {
  for (const open of ["[", "{a: ", "- ", "? "]) {
    await refusedSoon(open.repeat(15_000), /nested|not valid YAML|got a list/);
  }
  await refusedSoon(
    `a: ${"[".repeat(100)}${"]".repeat(100)}`,
    /^\S+ a(\.0)+\.…: it is nested more than 50 levels deep/,
  );
  await refusedSoon(
    `${"- ".repeat(20_000)}\n`.repeat(1) + "- ".repeat(5_000),
    /nested|not valid YAML|got a list/,
  );
  const study = (arm: string) => `base: data/configs/digits-adt.yaml\noutput: runs/x\narms:\n  own: ${arm}\n`;
  await refusedSoon(study("&a { adt: *a }"), /: arms\.own\.adt: an alias refers to what it is part of/);
  await refusedSoon(
    study("&a { adt: { plan: [ { x: *a } ] } }"),
    /: arms\.own\.adt\.plan\.0\.x: an alias refers/,
  );
  await refusedSoon(study("&a { <<: *a }"), /merged with itself/);
});

Deno.test("an arm that refers to itself is refused in code, too", async () => {
  const own: Record<string, unknown> = {};
  own.adt = own;
  const study = { base: "data/configs/digits-adt.yaml", arms: { own }, output: "runs/x" };
  assert.match(
    (await refused("circle", () => loadStudy(study))).message,
    /the study: arms\.own\.adt: an alias refers/,
  );
});

Deno.test("an alias that does not go in circles is what it stands for", () => {
  assert.deepEqual(parseYaml("a: &a { x: 1 }\nb: *a\nc: { <<: *a, y: *a }", "f"), {
    a: { x: 1 },
    b: { x: 1 },
    c: { x: 1, y: { x: 1 } },
  });
});

Deno.test("names that JavaScript's objects have are names like others, but for the one that would be lost", async () => {
  const study = (name: string) => ({
    base: "data/configs/digits-adt.yaml",
    arms: JSON.parse(`{"${name}": {"adt": {"lambda_adv": 0.5}}}`),
    output: "runs/x",
  });
  for (const name of ["constructor", "toString", "hasOwnProperty"]) {
    assert.deepEqual((await loadStudy(study(name))).arms.map((arm) => arm.name), [name]);
    await refusedSoon(`base: x\noutput: y\narms:\n  ${name}: { untuned: 5 }`, new RegExp("arms"));
    await refusedSoon(`${name}: { ${name}: 5 }`, new RegExp(`${name}: there is no such key`));
  }
  assert.match(
    (await refused("__proto__", () => loadStudy(study("__proto__")))).message,
    /^the study: arms\.__proto__: this name cannot be used/,
  );
  await refusedSoon("__proto__: 1", /: __proto__: this name cannot be used/);
});

Deno.test("a file that is no mapping, or no YAML, is not quoted", async () => {
  const folder = await Deno.makeTempDir(), secret = join(folder, "secret");
  try {
    for (
      const text of [
        "root:x:0:0:root:/root\nhush:x:1:1\n",
        "- hush",
        "hush",
        "- a\n hush: [",
        "{ hush",
        '"hush',
      ]
    ) {
      await Deno.writeTextFile(secret, text);
      const study = { base: secret, arms: { a: {} }, output: "runs/x" };
      const { message } = await refused(text, () => loadStudy(study));
      assert.ok(
        message.startsWith(secret) && !message.includes("hush") && !message.includes("root"),
        message,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

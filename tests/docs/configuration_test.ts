import assert from "node:assert/strict";
import { configKeys } from "../../src/experiments/config/keys.ts";
import { tuneSchema } from "../../src/experiments/tune/config.ts";
import { CONFIGURATION_PAGE, configurationPage } from "./configuration_page.ts";

Deno.test("docs/configuration.md tells the keys that the schemas take", async () => {
  // after a change: deno task docs:configuration
  assert.equal(await Deno.readTextFile(CONFIGURATION_PAGE), configurationPage());
});

Deno.test("every setting of a tuning is described", () => {
  const silent = configKeys(tuneSchema).filter(({ path, kind, description }) =>
    description === undefined && kind !== "object" && !path.endsWith("[]") && !path.endsWith(".kind")
  );
  assert.deepEqual([...new Set(silent.map(({ path }) => path))], []);
});

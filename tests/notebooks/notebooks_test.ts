import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { execute, missingOutputs, typeErrors } from "./notebook.ts";

const folder = fileURLToPath(new URL("../../notebooks", import.meta.url));
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
  /^[^.].*\.ipynb$/.test(name)
);
names.sort();

for (const name of names) {
  Deno.test(`${name} has no type errors`, async () => {
    assert.equal(await typeErrors(`${folder}/${name}`), "");
  });

  Deno.test(`${name} runs top to bottom and shows all its outputs`, async () => {
    const { problem, notebook } = await execute(`${folder}/${name}`);
    assert.equal(problem, "");
    assert.deepEqual(missingOutputs(notebook), []);
  });
}

Deno.test("there are notebooks to run", () => assert.notEqual(names.length, 0));

import assert from "node:assert/strict";
import { execute, FOLDER, notebookNames, readNotebook, typeErrors } from "./notebook.ts";
import { missingOutputs, outputShapes, recordingFaults } from "./outputs.ts";

for (const name of notebookNames()) {
  const path = `${FOLDER}/${name}`;

  Deno.test(`${name} has no type errors`, async () => {
    assert.equal(await typeErrors(path), "");
  });

  Deno.test(`${name} is recorded with outputs that any viewer shows`, async () => {
    assert.deepEqual(recordingFaults(await Deno.readTextFile(path)), []);
  });

  Deno.test(`${name} runs top to bottom and shows what is recorded`, async () => {
    const { problem, notebook } = await execute(path);
    assert.equal(problem, "");
    assert.deepEqual(missingOutputs(notebook), []);
    const advice = "deno task notebooks:record keeps what a fresh run shows";
    assert.deepEqual(outputShapes(await readNotebook(path)), outputShapes(notebook), advice);
  });
}

Deno.test("there are notebooks to run", () => assert.notEqual(notebookNames().length, 0));

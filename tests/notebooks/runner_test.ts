import assert from "node:assert/strict";
import { asModule, executeCells, type Notebook, shownTexts, typeErrors, withNotebook } from "./notebook.ts";

Deno.test("execute() names the cell that throws and its error", async () => {
  const { problem } = await executeCells(["const one = 1;", 'throw new Error("no such luck");']);
  assert.match(problem, /cell 2 failed.*no such luck/);
  assert.match(problem, /throw new Error/);
});

Deno.test("execute() names the cell that cannot be parsed, of which the kernel says nothing", async () => {
  const { problem } = await executeCells(["const a = ;"]);
  assert.match(problem, /cell 1 failed.*syntax error/);
});

Deno.test("execute() keeps every output of a run, late ones too", async () => {
  const cells = Array.from(
    { length: 20 },
    (_, i) => `await Deno.jupyter.display({ "text/plain": "${i}" }, { raw: true });`,
  );
  const { problem, notebook } = await executeCells(cells);
  assert.equal(problem, "");
  assert.deepEqual(shownTexts(notebook), cells.map((_, i) => `${i}`));
});

Deno.test("typeErrors() sees across cells and cites the line", async () => {
  const found = await withNotebook(["const width: number = 3;", "width.toUpperCase();"], typeErrors);
  assert.match(found, /toUpperCase/);
});

Deno.test("asModule() leaves prose out", () => {
  const notebook: Notebook = {
    cells: [{ cell_type: "markdown", source: "# Title" }, { cell_type: "code", source: ["a;\n", "b;"] }],
  };
  assert.equal(asModule(notebook), "// cell 2\na;\nb;\nexport {};\n");
});

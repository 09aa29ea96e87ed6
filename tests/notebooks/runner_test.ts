import assert from "node:assert/strict";
import { asModule, execute, join, type Notebook, typeErrors } from "./notebook.ts";

/** Calls `f` with the path of a notebook that has these code cells. */
async function withNotebook<T>(sources: string[], f: (path: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  const cells = sources.map((source, i) => ({
    cell_type: "code",
    id: `cell-${i}`,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  const kernelspec = { name: "deno", display_name: "Deno", language: "typescript" };
  const path = `${folder}/made.ipynb`;
  try {
    await Deno.writeTextFile(
      path,
      JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells }),
    );
    return await f(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("execute() names the cell that throws and its error", async () => {
  const { problem } = await withNotebook(["const one = 1;", 'throw new Error("no such luck");'], execute);
  assert.match(problem, /cell 2 failed.*no such luck/);
  assert.match(problem, /throw new Error/);
});

Deno.test("execute() names the cell that cannot be parsed, of which the kernel says nothing", async () => {
  const { problem } = await withNotebook(["const a = ;"], execute);
  assert.match(problem, /cell 1 failed.*syntax error/);
});

Deno.test("execute() keeps every output of a run, late ones too", async () => {
  const cells = Array.from(
    { length: 20 },
    (_, i) => `await Deno.jupyter.display({ "text/plain": "${i}" }, { raw: true });`,
  );
  const { problem, notebook } = await withNotebook(cells, execute);
  assert.equal(problem, "");
  assert.deepEqual(
    notebook.cells.map((cell) => join(cell.outputs?.[0]?.data?.["text/plain"])),
    cells.map((_, i) => `${i}`),
  );
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

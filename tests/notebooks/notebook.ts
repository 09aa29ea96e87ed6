import { fileURLToPath } from "node:url";
import { LAB_ENVIRONMENT, prepareLab } from "../../src/lab.ts";

/** One output of a cell; only what the tests look at. */
export interface Output {
  output_type: "stream" | "display_data" | "execute_result" | "error";
  data?: Record<string, unknown>;
}

/** Text as notebook files hold it: whole, or in lines that keep their ends. */
export type Lines = string | string[];

export function join(text: unknown): string {
  return [text].flat().join("");
}

export interface NotebookCell {
  cell_type: "code" | "markdown" | "raw";
  source: Lines;
  outputs?: Output[];
}

export interface Notebook {
  cells: NotebookCell[];
}

/** The project's notebooks. */
export const FOLDER = fileURLToPath(new URL("../../notebooks", import.meta.url));

/** Names of the project's notebooks, in the order of the course. */
export function notebookNames(): string[] {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name);
  return names.filter((name) => /^[^.].*\.ipynb$/.test(name)).sort();
}

export async function readNotebook(path: string): Promise<Notebook> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** The code cells as one module. The kernel strips types and never checks them, so the tests do. */
export function asModule({ cells }: Notebook): string {
  const parts = cells.map((cell, i) =>
    cell.cell_type === "code" ? `// cell ${i + 1}\n${join(cell.source)}\n` : ""
  );
  return `${parts.join("")}export {};\n`;
}

async function output(program: string, args: string[], env: Record<string, string>) {
  const command = new Deno.Command(program, { args, env, stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, text: decode(stdout) + decode(stderr) };
}

/** What the type checker has to say about a notebook; nothing if all is well. */
export async function typeErrors(path: string): Promise<string> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const module = await Deno.makeTempFile({ dir: folder, prefix: ".check_", suffix: ".ts" });
  try {
    await Deno.writeTextFile(module, asModule(await readNotebook(path)));
    const { success, text } = await output(Deno.execPath(), ["check", module], { NO_COLOR: "1" });
    return success ? "" : text;
  } finally {
    await Deno.remove(module);
  }
}

/** How a run went: `problem` tells the cell that failed and why, or is empty. */
export interface Run {
  problem: string;
  notebook: Notebook;
}

/** Runs a notebook with the Deno kernel. With `stopAt`, Stop is pressed once, when that text is shown. */
export async function execute(path: string, { stopAt }: { stopAt?: string } = {}): Promise<Run> {
  const lab = await prepareLab();
  const runner = fileURLToPath(new URL("run_notebook.py", import.meta.url));
  const executed = await Deno.makeTempFile({ suffix: ".ipynb" });
  try {
    const args = [runner, path, "--output", executed, ...stopAt === undefined ? [] : ["--stop-at", stopAt]];
    const { success, text } = await output(lab.python, args, LAB_ENVIRONMENT);
    return { problem: success ? "" : text, notebook: await readNotebook(executed) };
  } finally {
    await Deno.remove(executed);
  }
}

/** Runs code cells as a notebook of the project's folder, so that they may import "../mod.ts". */
export async function executeCells(sources: string[], options: { stopAt?: string } = {}): Promise<Run> {
  return await withNotebook(sources, (path) => execute(path, options));
}

/** Writes a notebook that has these code cells. */
export async function writeNotebook(path: string, sources: string[]): Promise<void> {
  const cells = sources.map((source, i) => ({
    cell_type: "code",
    id: `cell-${i}`,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  const kernelspec = { name: "deno", display_name: "Deno", language: "typescript" };
  const notebook = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
  await Deno.writeTextFile(path, JSON.stringify(notebook));
}

/** Calls `f` with the path of a notebook of the project's folder that has these code cells. */
export async function withNotebook<T>(sources: string[], f: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ dir: FOLDER, prefix: ".made_", suffix: ".ipynb" });
  try {
    await writeNotebook(path, sources);
    return await f(path);
  } finally {
    await Deno.remove(path);
  }
}

/** What the cells have shown, in words. */
export function shownTexts({ cells }: Notebook): string[] {
  return cells.flatMap(({ outputs = [] }) => outputs.map(({ data }) => join(data?.["text/plain"])));
}

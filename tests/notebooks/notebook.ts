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

/** Runs a notebook with the Deno kernel. `problem` tells the cell that failed and why. */
export async function execute(path: string): Promise<{ problem: string; notebook: Notebook }> {
  const lab = await prepareLab();
  const runner = fileURLToPath(new URL("run_notebook.py", import.meta.url));
  const executed = await Deno.makeTempFile({ suffix: ".ipynb" });
  try {
    const { success, text } = await output(lab.python, [runner, path, "--output", executed], LAB_ENVIRONMENT);
    return { problem: success ? "" : text, notebook: await readNotebook(executed) };
  } finally {
    await Deno.remove(executed);
  }
}

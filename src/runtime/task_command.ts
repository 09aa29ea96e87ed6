import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };

/** The project's folder, in a checkout or on the web. */
const ROOT = new URL("../../", import.meta.url);

/** What a published package has in place of tasks. */
const MODULES: Readonly<Record<string, string>> = {
  setup: "setup",
  adt: "cli",
  demo: "cli demo",
  doctor: "cli doctor",
};

/**
 * The command line of one of this project's tasks, started as this process was: through npx where that is how Deno runs. In
 * another folder than the checkout it names the checkout, from a published package the package's own modules.
 */
export function taskCommand(task: string, root: URL = ROOT, folder: string = Deno.cwd()): string {
  const npx = Deno.env.get("npm_command") === "exec";
  const deno = npx ? `npx -y deno@${Deno.version.deno}` : "deno";
  if (root.protocol === "file:") {
    const checkout = fileURLToPath(root), inside = relative(checkout, folder);
    const elsewhere = inside.startsWith("..") || isAbsolute(inside);
    return `${deno} task ${elsewhere ? `--config ${join(checkout, "deno.json")} ` : ""}${task}`;
  }
  if (task === "lab") return `${deno} jupyter --install`;
  const [name, ...words] = task.split(" ") as [string, ...string[]];
  return [deno, `run -A jsr:${project.name}@${project.version}/${MODULES[name] ?? name}`, ...words].join(" ");
}

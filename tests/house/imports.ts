import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Imports } from "./floors.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface ModuleGraph {
  modules: {
    specifier: string;
    dependencies?: Record<"code" | "type", { specifier?: string } | undefined>[];
  }[];
}

/** What the files of `src` import of each other, types too, as `deno info` sees them. */
export async function importsOfSource(): Promise<Imports> {
  const files = sources("src"), all = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      all,
      files.map((file) => `import "${new URL(file, `file://${ROOT}`)}";\n`).join(""),
    );
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-npm", "--config", `${ROOT}deno.json`, all],
      stderr: "inherit",
    }).output();
    if (!success) throw new Error("deno info failed");
    const graph = JSON.parse(new TextDecoder().decode(stdout)) as ModuleGraph;
    const dependencies = new Map(
      graph.modules.map((module) => [module.specifier, module.dependencies ?? []]),
    );
    return new Map(files.map((file) => {
      const found = (dependencies.get(`${new URL(file, `file://${ROOT}`)}`) ?? [])
        .flatMap(({ code, type }) => [code?.specifier, type?.specifier])
        .flatMap((specifier) =>
          specifier?.startsWith("file:") ? [relative(ROOT, fileURLToPath(specifier))] : []
        )
        .filter((path) => path.startsWith("src/"));
      return [file, [...new Set(found)]];
    }));
  } finally {
    await Deno.remove(all);
  }
}

function sources(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? sources(path) : path.endsWith(".ts") ? [path] : [];
  }).sort();
}

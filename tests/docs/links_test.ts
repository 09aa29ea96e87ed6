import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { githubAnchor } from "../../src/site/markdown.ts";
import { isThere } from "../../src/runtime/files.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The pages that people read, without fences of code. */
const PAGES = new Map(
  await Promise.all(
    ["", "docs", "notebooks"].flatMap((folder) =>
      [...Deno.readDirSync(join(ROOT, folder))]
        .filter(({ name, isFile }) => isFile && name.endsWith(".md"))
        .map(async ({ name }): Promise<[string, string]> => {
          const path = join(ROOT, folder, name);
          return [path, (await Deno.readTextFile(path)).replaceAll(/```[^]*?```/g, "")];
        })
    ),
  ),
);

const anchorsOf = (page: string) =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => githubAnchor(heading!));

for (const [path, page] of PAGES) {
  Deno.test(`links and pictures of ${relative(ROOT, path)} lead to what is there`, async () => {
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    for (const link of links.filter((link) => !/^[a-z]+:/.test(link))) {
      const [file, anchor] = link.split("#") as [string, string?];
      const target = file === "" ? path : join(dirname(path), decodeURI(file));
      assert.ok(await isThere(target), `${link}: no such file`);
      if (anchor === undefined) continue;
      const other = PAGES.get(target);
      assert.ok(other !== undefined, `${link}: it has an anchor, and is no page`);
      assert.ok(anchorsOf(other).includes(anchor), `${link}: there is no heading of that name`);
    }
  });
}

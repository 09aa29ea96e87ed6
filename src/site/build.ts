import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../runtime/errors.ts";
import { isFile, isThere } from "../runtime/files.ts";
import { githubAnchor, renderMarkdown } from "./markdown.ts";
import { renderNotebook } from "./notebook.ts";
import { type Group, type Page, pageText } from "./page.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Sources of the pages, in the order of the navigation. */
const GROUPS: readonly { name: string; sources: readonly string[] }[] = [
  { name: "Start", sources: ["README.md", "docs/tune_your_own.md"] },
  { name: "Notebooks", sources: namesIn("notebooks", ".ipynb") },
  {
    name: "Guides",
    sources: [
      "docs/studies.md",
      "docs/module.md",
      "docs/files.md",
      "docs/precision.md",
      "docs/permissions.md",
    ],
  },
  { name: "Reference", sources: ["docs/configuration.md"] },
  {
    name: "What was measured",
    sources: [
      "docs/findings.md",
      "docs/pictograms.md",
      "docs/speed.md",
      "docs/full_size.md",
      "docs/benchmarks.md",
    ],
  },
  { name: "Project", sources: ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] },
];

/** Where the reference of the module lies in the site. */
const API = "api/index.html";

function namesIn(folder: string, ending: string): string[] {
  const names = [...Deno.readDirSync(join(ROOT, folder))].map(({ name }) => name);
  return names.filter((name) => name.endsWith(ending) && !name.startsWith(".")).sort().map((name) =>
    `${folder}/${name}`
  );
}

/** Path in the site of the page that is made of a source. */
const pageOf = (source: string) =>
  source === "README.md" ? "index.html" : source.replace(/\.(md|ipynb)$/, ".html");

export interface SiteOptions {
  /** Whether the reference of the module is made, too, by `deno doc`. */
  api?: boolean;
}

/**
 * Builds the site: README, docs, recorded notebooks and the module's reference, as files that work from the disk.
 *
 * @param output new or empty folder
 * @throws UserError for a folder that is not empty; Error for a link to nothing, or a formula that is none
 */
export async function buildSite(output: string, { api = true }: SiteOptions = {}): Promise<Page[]> {
  if (await isThere(output) && !Deno.readDirSync(output)[Symbol.iterator]().next().done) {
    throw new UserError(`${output} is not empty; choose a new folder, or remove what is in it`);
  }
  const files = new Set<string>(), pages: Page[] = [];
  const sources = GROUPS.flatMap(({ sources }) => sources), known = new Set(sources);
  for (const source of sources) {
    const linkTo = (href: string) => linkFrom(source, href, known, files);
    const text = await Deno.readTextFile(join(ROOT, source));
    const { html, title } = source.endsWith(".md")
      ? renderMarkdown(text, { linkTo, anchorOf: githubAnchor })
      : renderNotebook(text, linkTo);
    pages.push({ path: pageOf(source), title, html });
  }
  const groups: Group[] = GROUPS.map(({ name, sources }) => ({
    name,
    pages: [
      ...sources.map((source) => {
        const path = pageOf(source), { title } = pages.find((page) => page.path === path)!;
        return { path, title };
      }),
      ...name === "Reference" && api ? [{ path: API, title: "The module" }] : [],
    ],
  }));
  for (const page of pages) await write(join(output, page.path), pageText(page, groups));
  for (const file of files) await write(join(output, file), await Deno.readFile(join(ROOT, file)));
  if (api) await buildReference(join(output, dirname(API)));
  return pages;
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
}

/**
 * Where a link of a source leads in the site: to a page, or to a file that is copied, which is noted; a folder is no page, so
 * that a link to one becomes plain text.
 */
function linkFrom(
  source: string,
  href: string,
  known: ReadonlySet<string>,
  files: Set<string>,
): string | undefined {
  if (/^[a-z]+:/.test(href) || href.startsWith("#")) return href;
  const [path, anchor] = decodeURI(href).split("#") as [string, string?];
  const target = posix.normalize(posix.join(posix.dirname(source), path)),
    here = posix.dirname(pageOf(source));
  const at = (place: string) => `${posix.relative(here, place)}${anchor === undefined ? "" : `#${anchor}`}`;
  if (known.has(target)) return at(pageOf(target));
  const { isFile: file, isDirectory } = Deno.statSync(join(ROOT, target));
  if (isDirectory || !file) return undefined;
  files.add(target);
  return at(target);
}

/** The reference of what `mod.ts` exports. */
async function buildReference(folder: string): Promise<void> {
  const entry = join(ROOT, "mod.ts");
  if (!await isFile(entry)) throw new Error(`${entry} is missing`);
  const args = ["doc", "--html", "--name=Adversarial diffusion tuning", `--output=${folder}`, entry];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`deno doc: ${new TextDecoder().decode(stderr)}`);
}

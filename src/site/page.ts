import { posix } from "node:path";
import { escapeHtml } from "../display/html.ts";

/** A page of the site. */
export interface Page {
  /** Path of its HTML file in the site. */
  path: string;
  title: string;
  html: string;
}

/** Titles of pages, in groups, as the navigation lists them. */
export interface Group {
  name: string;
  pages: { path: string; title: string }[];
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0b62c4; }
@media (prefers-color-scheme: dark) { :root { --link: #78b4ff; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 15rem minmax(0, 1fr); min-height: 100vh; }
nav { border-right: 1px solid var(--line); padding: 1.25rem 1rem; font-size: .92rem; position: sticky; top: 0; height: 100vh; overflow: auto; }
nav h2 { font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; opacity: .65; margin: 1.1rem 0 .3rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .1rem .4rem; border-radius: 4px; color: inherit; text-decoration: none; }
nav a:hover { background: var(--soft); }
nav a[aria-current] { background: var(--soft); font-weight: 600; }
main { padding: 1.5rem 2.5rem 4rem; max-width: 68rem; }
main a { color: var(--link); }
h1 { line-height: 1.2; } h2 { margin-top: 2.2em; border-bottom: 1px solid var(--line); padding-bottom: .2em; }
img { max-width: 100%; height: auto; }
code { font: .88em/1.5 ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: 4px; }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: 6px; overflow: auto; }
pre code { background: none; padding: 0; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .92em; }
th, td { border-bottom: 1px solid var(--line); padding: .3em .7em; text-align: left; vertical-align: top; }
.cell { border-left: 3px solid var(--link); }
.output { margin: 0 0 1.2rem; overflow-x: auto; }
.output pre { background: none; padding: .2rem 1rem; }
math[display=block] { overflow-x: auto; padding: .3em 0; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } }
`;

/** A page as a whole HTML file, which needs nothing but its pictures. */
export function pageText({ path, title, html }: Page, groups: readonly Group[]): string {
  const here = posix.dirname(path);
  const list = groups.map(({ name, pages }) =>
    `<h2>${name}</h2>\n<ul>${
      pages.map((page) => {
        const current = page.path === path ? ' aria-current="page"' : "";
        return `<li><a href="${posix.relative(here, page.path)}"${current}>${
          escapeHtml(page.title)
        }</a></li>`;
      }).join("\n")
    }</ul>`
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<nav>
${list.join("\n")}
</nav>
<main>
${html}
</main>
</body>
</html>
`;
}

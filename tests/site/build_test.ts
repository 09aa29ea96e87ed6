import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { buildSite } from "../../src/site/build.ts";
import { githubAnchor, renderMarkdown } from "../../src/site/markdown.ts";
import { isFile } from "../../src/runtime/files.ts";

Deno.test("every link of the site leads to a file and a heading that are there, and nothing comes from elsewhere", async () => {
  const output = await Deno.makeTempDir();
  try {
    const pages = await buildSite(output, { api: false });
    assert.ok(pages.length > 20);
    const texts = new Map(
      await Promise.all(
        pages.map(async (
          { path },
        ): Promise<[string, string]> => [path, await Deno.readTextFile(join(output, path))]),
      ),
    );
    for (const { path, html, title } of pages) {
      assert.notEqual(title, "", path);
      // outputs of notebooks are shown as they are
      const own = html.replaceAll(/<div class="output">[^]*?<pre class="cell">/g, "").replaceAll(
        /<pre[^]*?<\/pre>/g,
        "",
      );
      for (const [, kind, link] of own.matchAll(/(href|src)="([^"]*)"/g)) {
        if (kind === "href" && /^https:/.test(link!) || link!.startsWith("data:")) continue;
        assert.doesNotMatch(link!, /^[a-z]+:\/\//, `${path} loads ${link}`);
        const [file, anchor] = link!.split("#") as [string, string?];
        const target = file === "" ? path : join(dirname(path), file);
        assert.ok(await isFile(join(output, target)), `${path}: ${link} is missing`);
        if (anchor !== undefined && texts.has(target)) {
          assert.ok(texts.get(target)!.includes(`id="${anchor}"`), `${path}: ${link} has no heading`);
        }
      }
    }
    assert.ok(texts.get("notebooks/02_backward_flow.html")!.includes("<math"));
    await assert.rejects(buildSite(output, { api: false }), {
      name: "UserError",
      message: /is not empty; choose a new folder/,
    });
  } finally {
    await Deno.remove(output, { recursive: true });
  }
});

Deno.test("formulas become MathML, prices and code do not, and links go where they are told", () => {
  const render = (text: string) =>
    renderMarkdown(text, {
      linkTo: (href) => href === "gone" ? undefined : `to/${href}`,
      anchorOf: githubAnchor,
    }).html;
  assert.match(
    render("with $x_t = \\alpha_t$, then"),
    /with <span class="katex"><math[^]*<\/math><\/span>, then/,
  );
  assert.match(render("$$\\sum_i J_i^\\top g$$\n"), /<math[^>]*display="block"/);
  assert.doesNotMatch(render("it costs $5 or $6, and `$x$` is code"), /<math/);
  assert.equal(render("[a](b) and [c](gone)"), '<p><a href="to/b">a</a> and c</p>\n');
  assert.equal(
    render("## What it is, by `adt`"),
    '<h2 id="what-it-is-by-adt">What it is, by <code>adt</code></h2>\n',
  );
  assert.throws(() => render("$\\nothing{$"), /KaTeX parse error/);
});

import assert from "node:assert/strict";
import { runFlag } from "../../src/runtime/child_permissions.ts";

const module = new URL("../../src/runtime/child_permissions.ts", import.meta.url).href;

/** The flags of a child process whose parent has some, by kind. */
async function childOf(...flags: string[]): Promise<Record<string, string>> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      file,
      `import { childFlags } from ${JSON.stringify(module)};
      const needs = { read: ["/in", "/elsewhere"], write: ["/out/run", "/cache"], net: ["hub.org", "*.hub.org"], run: ["deno"] };
      console.log(JSON.stringify(childFlags(needs)));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...flags, file],
      env: { LD_LIBRARY_PATH: "" },
    }).output();
    const words = new TextDecoder().decode(stdout);
    assert.ok(words, new TextDecoder().decode(stderr));
    const pairs = (JSON.parse(words) as string[]).map((flag) => /^--(?:allow-)?([\w-]+)=?(.*)$/.exec(flag)!);
    return Object.fromEntries(pairs.map(([, kind, items]) => [kind!, items!]));
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a child gets nothing that its parent does not have", async () => {
  assert.deepEqual(await childOf(), { "no-prompt": "", "ignore-env": "" });
});

Deno.test("a child gets of what its parent has what it needs", async () => {
  const flags = await childOf(
    "--allow-read=/in,/secret",
    "--allow-write=/out,/elsewhere",
    "--allow-net=hub.org,other.org",
    "--allow-env=HOME,SECRET,ADT_*",
    "--allow-sys=osRelease,hostname",
    "--allow-run=deno",
    "--allow-ffi",
  );
  assert.deepEqual(flags, {
    "no-prompt": "",
    read: "/in",
    write: "/out/run",
    net: "hub.org",
    run: "deno",
    env: "ADT_*,HOME",
    "ignore-env": "",
    sys: "osRelease",
    ffi: "",
  });
});

Deno.test("a child of a process with all permissions writes, calls and runs only what it needs", async () => {
  const { read, write, net, run } = await childOf("-A");
  assert.deepEqual({ read, write, net, run }, {
    read: "",
    write: "/out/run,/cache",
    net: "hub.org,*.hub.org",
    run: "deno",
  });
});

Deno.test("programs are listed, except where libraries are preset and where a name has a comma: Deno takes no such list", () => {
  const name = "LD_LIBRARY_PATH", before = Deno.env.get(name);
  try {
    Deno.env.delete(name);
    assert.equal(runFlag(["cc", "/ab"]), "--allow-run=cc,/ab");
    Deno.env.set(name, "/usr/local/cuda/lib64");
    assert.equal(runFlag(["cc"]), "--allow-run");
    Deno.env.delete(name);
    assert.equal(runFlag(["cc", "/a,b"]), "--allow-run");
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
});

import assert from "node:assert/strict";
import { taskFlags } from "../src/task_flags.ts";

/** Calls `f` with environment variables set, and puts back what was there. */
function withVariables(variables: Record<string, string>, f: () => void): void {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    f();
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }
}

Deno.test("the Hub's hosts are the Hub's, its stores', and those of the mirror that the user names", () => {
  const hosts = "huggingface.co,*.huggingface.co,hf.co,*.hf.co";
  const net = (HF_ENDPOINT: string) => {
    let flags: string[] = [];
    withVariables({ HF_ENDPOINT }, () => flags = taskFlags(["hub"]));
    return flags;
  };
  assert.deepEqual(net(""), [`--allow-net=${hosts}`]);
  assert.deepEqual(net("https://mirror.example.org/hf"), [
    `--allow-net=${hosts},mirror.example.org,*.mirror.example.org`,
  ]);
  assert.deepEqual(net("http://127.0.0.1:8080"), [`--allow-net=${hosts},127.0.0.1:8080`]);
  assert.deepEqual(net("nonsense"), [`--allow-net=${hosts}`]);
});

Deno.test("programs are those that the user names; what has spaces cannot be listed in a task", () => {
  withVariables({ CC: "clang", ADT_PYTHON: "/opt/python", LD_LIBRARY_PATH: "" }, () => {
    assert.deepEqual(taskFlags(["python", "compiler"]), ["--allow-run=/opt/python,clang"]);
  });
  withVariables({ ADT_CACHE: "/a b/adt" }, () => assert.deepEqual(taskFlags(["cache"]), ["--allow-write"]));
  withVariables(
    { ADT_CACHE: "/ab/adt" },
    () => assert.deepEqual(taskFlags(["cache"]), ["--allow-write=/ab/adt"]),
  );
});

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { adt } from "./support.ts";

Deno.test("adt --help lists the commands and the options that all of them have", async () => {
  const { code, stdout, stderr } = await adt("--help");
  assert.equal(code, 0, stderr);
  for (const command of ["tune", "sample", "evaluate", "ablate", "pretrain", "doctor"]) {
    assert.match(stdout, new RegExp(`^ {2}${command}\\b`, "m"));
  }
  for (const option of ["--backend <name>", "--verbose", "--version"]) {
    assert.ok(stdout.includes(option), option);
  }
  assert.match(stdout, /Example:\n {2}deno task adt /);
});

Deno.test("adt <command> --help describes a command with its defaults and an example", async () => {
  const helps = await Promise.all(
    ["tune", "sample", "evaluate", "ablate", "pretrain", "doctor"].map((command) => adt(command, "--help")),
  );
  for (const { code, stdout, stderr } of helps) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Example:\n {2}deno task adt /);
    assert.match(stdout, /--backend <name>/);
  }
  assert.match(helps[1]!.stdout, /--steps <number> +sampling steps \(default: 10\)/);
  assert.match(helps[2]!.stdout, /--n <number>[^]*\(default: 1000\)/);
});

Deno.test("adt --version is the project's version", async () => {
  assert.deepEqual(await adt("--version"), { code: 0, stdout: `${project.version}\n`, stderr: "" });
});

Deno.test("wrong usage ends with code 2 and says what was meant or is allowed", async () => {
  const cases: [string[], RegExp][] = [
    [["tnue"], /unknown command 'tnue'\n\(Did you mean tune\?\)/],
    [["tune", "run.yaml", "--stesp", "3"], /unknown option '--stesp'\n\(Did you mean --steps\?\)/],
    [["tune", "run.yaml", "--steps", "1.5"], /'1\.5' is invalid\. It must be a whole number of at least 1/],
    [["tune"], /missing required argument 'config'/],
    [["sample"], /give either --model or --pipeline/],
    [
      ["sample", "--model", "x", "--pipeline", "y"],
      /'--pipeline <source>' cannot be used with option '--model <folder>'/,
    ],
    [["sample", "--pipeline", "y"], /--pipeline needs at least one --prompt/],
    [["sample", "--model", "x", "--classes", "one"], /It must be class numbers with commas in between/],
    [["doctor", "--backend", "wsm"], /'wsm' is invalid\. Allowed choices are auto, tensorflow, webgpu, wasm/],
  ];
  const outcomes = await Promise.all(cases.map(([args]) => adt(...args)));
  for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
    assert.match(stderr, cases[i]![1]);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
  }
});

import assert from "node:assert/strict";
import { namePatterns } from "../../src/lora/name_pattern.ts";
import { UserError } from "../../src/runtime/errors.ts";

const NAMES = [
  "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
  "down_blocks.12.attn2.to_out.0",
  "mid.to_q",
  "to_q",
  "auto_q",
  "conv-in",
  "",
];

Deno.test("namePatterns() matches as peft's regular expression does", () => {
  const patterns = [
    ...["to_q", "^to_q", "attn1.to_q", "mid.to_q", "to_out.0", "conv-in", "o_q"],
    ...[".*", "to_.", "^.*to_q$", "to_q$", "(to_q|to_out\\.0)", "mid\\.(?:to_q|to_k)|conv.in", "a|"],
    ...[
      "down_blocks\\.\\d+\\.attn2\\..*",
      "[a-c]uto_[^a-p]",
      ".*\\.[0-9]+",
      "(a|b)*uto_q",
      "(to_)?q",
      "\\w+?",
    ],
    ...[
      "(^mid)\\.to_q",
      "(a*)*uto_q",
      "[\\w.]+attn[12]\\.to_[qkv]",
      "x?",
      "[]m]id.*",
      "()+to_q",
      "conv[-x]in",
    ],
  ];
  for (const pattern of patterns) {
    const [fits] = namePatterns([pattern], "here"), python = pattern.replace("[]m]", "[\\]m]");
    const expected = new RegExp(`^(.*\\.)?(${python})$`);
    for (const name of NAMES) assert.equal(fits!(name), expected.test(name), `${pattern} and "${name}"`);
  }
});

Deno.test("a pattern takes no longer for having many ways to match", () => {
  const name = `${"block_0.".repeat(200)}to_q`;
  for (
    const pattern of [
      "([a-z0-9_.]+)+X",
      "(.*)*X",
      "((a|b|.)*)*X",
      `${".*".repeat(500)}X`,
      "(x+x+)+y|.*.*.*=.*",
    ]
  ) {
    assert.equal(namePatterns([pattern], "here")[0]!(name), false);
  }
  const deep = `${"(".repeat(600)}to_q${")*".repeat(600)}`;
  assert.equal(namePatterns([deep], "here")[0]!("mid.to_qto_q"), true);
});

Deno.test("patterns that are none, or say what is not supported, are refused by name", () => {
  const refused = (patterns: string[], message: RegExp) =>
    assert.throws(() => namePatterns(patterns, "file.json"), (error: Error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, message);
      return true;
    });
  for (const pattern of ["(", ")", "a)", "*a", "a**", "[a", "[z-a]", "a\\", "(?:a"]) {
    refused([pattern], /^file\.json has the pattern .*, which is no regular expression$/);
  }
  refused(["(?=to_q).*"], /whose \(\?= is not supported: write it with names/);
  refused(["(?<!to_)q"], /whose \(\?<! is not supported/);
  refused(["(a)\\1"], /whose \\1 is not supported/);
  refused(["\\bto_q"], /whose \\b is not supported/);
  refused(["(a{1,99}){1,99}"], /whose \{1,99\} is not supported/);
  refused([".*".repeat(1001)], /1 patterns, 2002 characters of them in regular expressions; at most/);
  refused(Array.from({ length: 10_001 }, (_, i) => `layer${i}`), /has 10001 patterns/);
});

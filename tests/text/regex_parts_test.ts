import assert from "node:assert/strict";
import { checkExpressions } from "../../src/text/regex_parts.ts";

const parts = (Regex: string) => ({ normalizer: { normalizers: [{ type: "Replace", pattern: { Regex } }] } });

Deno.test("expressions of a tokenizer.json that could take endless time are refused", () => {
  for (
    const hostile of [
      "(a+)+$",
      "(?:a|b*)c",
      "((x*))*",
      "(a|aa)+",
      "(.|x){2,}",
      ".*.*.*X",
      "a{1,9}a{1,9}a{1,9}",
    ]
  ) {
    assert.throws(() => checkExpressions(parts(hostile), "here"), {
      name: "UserError",
      message:
        `here: the regular expression ${hostile} is not supported: it repeats groups, or more than two things`,
    });
  }
});

Deno.test("expressions of known tokenizers are taken", () => {
  for (
    const known of [
      String.raw`\s+`,
      " {2,}",
      String.raw`<\|startoftext\|>|'s|'t|'re|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
      String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
      String.raw`\(\+\)\+`,
    ]
  ) checkExpressions(parts(known), "here");
});

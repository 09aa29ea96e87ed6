import assert from "node:assert/strict";
import { cut } from "../../src/runtime/wording.ts";
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
      `${"a?".repeat(30)}X`,
      `${"(a|a)".repeat(30)}X`,
      `${"(?:\\w|\\d)".repeat(30)}X`,
      `${"$".repeat(30)}X`,
      `${"\\b^".repeat(15)}X`,
    ]
  ) {
    assert.throws(() => checkExpressions(parts(hostile), "here"), {
      name: "UserError",
      message: `here: the regular expression ${
        cut(hostile)
      } is not supported: it repeats groups, or more than two things, or leaves more than 10 choices`,
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
      String
        .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ]
  ) checkExpressions(parts(known), "here");
});

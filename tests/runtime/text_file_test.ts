import assert from "node:assert/strict";
import { decodeText, readTextFile } from "../../src/runtime/text_file.ts";

const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part),
  );

Deno.test("UTF-8 is read with or without its mark", () => {
  assert.equal(decodeText(bytes("café\n"), "f"), "café\n");
  assert.equal(decodeText(bytes([0xef, 0xbb, 0xbf], "café"), "f"), "café");
  assert.equal(decodeText(bytes(), "f"), "");
});

Deno.test("other text is refused with file and line", () => {
  const latin1 = bytes("one\ntwo\ncaf", [0xe9], "\n");
  assert.throws(() => decodeText(latin1, "a.jsonl"), {
    name: "UserError",
    message: /^a\.jsonl: line 3 is not UTF-8/,
  });
  assert.throws(() => decodeText(bytes("x", [0xc3]), "f"), { message: /^f: line 1 / });
});

Deno.test("UTF-16 and UTF-32 are named", () => {
  for (
    const [mark, name] of [[[0xff, 0xfe, 65, 0], "UTF-16"], [[0xfe, 0xff, 0, 65], "UTF-16"], [
      [0xff, 0xfe, 0, 0],
      "UTF-32",
    ]] as const
  ) {
    assert.throws(() => decodeText(bytes([...mark]), "f"), {
      message: `f: its text is ${name}; save it as UTF-8`,
    });
  }
});

Deno.test("a file that is no text is told as such", () => {
  assert.throws(() => decodeText(bytes([0x89], "PNG", [13, 10, 26, 10, 0, 0]), "a.png"), {
    message: "a.png is no text file; a text in UTF-8 was expected",
  });
});

Deno.test("a file that is larger than is allowed is not read, nor is what is no regular file", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "12345678");
  assert.equal(await readTextFile(file, 8), "12345678");
  await assert.rejects(readTextFile(file, 7), { name: "UserError", message: /more than 7 bytes/ });
  await assert.rejects(readTextFile("/dev/zero", 7), { name: "UserError", message: /a pipe or a device/ });
  await Deno.remove(file);
});

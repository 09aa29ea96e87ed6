import assert from "node:assert/strict";
import { parseHeader } from "../../src/weights/safetensors_header.ts";
import { refused } from "../refused.ts";

const EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';

Deno.test("names of any length are refused in few words, and quotes in names are no ends of them", async () => {
  const refusal = (header: string) => refused(header.slice(0, 40), () => parseHeader(header, 0, "f"));
  for (const name of ["x".repeat(3e7), '\\"'.repeat(1e6), "\\\\".repeat(1e6)]) {
    const { message } = await refusal(`{"${name}":${EMPTY}}`);
    assert.match(message, /more than 250 characters/);
  }
  assert.match(
    (await refusal(`{"__metadata__":{"a":"${"x".repeat(3e7)}"},"y":${EMPTY},"y":${EMPTY}}`)).message,
    /"y" is listed twice/,
  );
  assert.match((await refusal(`{"a\\"":${EMPTY},"a\\u0022":${EMPTY}}`)).message, /is listed twice/);
  assert.match((await refusal(`{"__proto__":${EMPTY}}`)).message, /a tensor is called __proto__/);
  assert.match(
    (await refusal(`{"x":{"dtype":"F32","shape":[${"0,".repeat(1e5)}0],"data_offsets":[0,0]}}`)).message,
    /more than 32 numbers/,
  );
  const { entries } = parseHeader(`{"a\\\\":${EMPTY},"b\\"{":${EMPTY}}`, 0, "f");
  assert.deepEqual([...entries.keys()], ["a\\", 'b"{']);
});

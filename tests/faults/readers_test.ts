import { startTestEngine } from "../support.ts";
import { checkReader } from "./property.ts";
import { READERS } from "./readers.ts";

/** Of all readers together; `deno task test:faults` tries more, and measures. */
const INPUTS = 2000;

for (const reader of READERS) {
  Deno.test(`${reader.name}: whatever the files hold, there is a result or a UserError`, async () => {
    await startTestEngine();
    await checkReader(reader, { inputs: Math.round(INPUTS * reader.share / 1000), seed: 1 });
  });
}

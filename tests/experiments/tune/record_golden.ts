/** Records the golden losses anew: `deno task golden:record`, after a change that is meant to change them. */
import { writeText } from "../../../src/weights/atomic_write.ts";
import { goldenFile, KINDS, lossCurve } from "./golden.ts";

for (const kind of KINDS) {
  const lines = (await lossCurve(kind)).map((losses) => JSON.stringify(losses));
  await writeText(goldenFile(kind), `[\n${lines.join(",\n")}\n]\n`);
}

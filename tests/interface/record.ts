/** Records the command line's options and the configurations' keys anew: `deno task interface:record`. */
import { writeText } from "../../src/weights/atomic_write.ts";
import { frozenFile, INTERFACE } from "./frozen.ts";

for (const [name, lines] of Object.entries(INTERFACE)) {
  await writeText(frozenFile(name), `${lines().join("\n")}\n`);
}

// Run by temporary_test.ts: writes a file without an end, and says when it has begun.
import { writeAtomically } from "../../src/weights/atomic_write.ts";

async function* chunks() {
  yield new Uint8Array(10);
  await Deno.stdout.write(new TextEncoder().encode("begun\n"));
  await new Promise((resolve) => setTimeout(resolve, 1e9));
}

await writeAtomically(Deno.args[0]!, chunks());

/** `deno task check` runs this: fails unless the imports of `src` keep its floors. */
import { faultsOf } from "./floors.ts";
import { importsOfSource } from "./imports.ts";

const faults = faultsOf(await importsOfSource());
for (const fault of faults) console.error(fault);
if (faults.length) Deno.exit(1);

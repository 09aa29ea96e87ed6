/** Some calls of the command line in one process: `calls.ts '[["tune", "a.yaml"], …]'`. */
import { main } from "../../src/cli/main.ts";

for (const args of JSON.parse(Deno.args[0]!) as string[][]) {
  const code = await main(args);
  if (code !== 0) Deno.exit(code);
}
Deno.exit();

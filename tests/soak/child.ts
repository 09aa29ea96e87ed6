/** A process that runs one loop: `child.ts LOOP UPDATES`. It prints a sample a line, a hundred in all. */
import { type Loop, picturesLoop, pretrainLoop, tuneLoop } from "./loops.ts";
import { sampler } from "./sample.ts";

const LOOPS: Record<string, Loop> = { tune: tuneLoop, pretrain: pretrainLoop, pictures: picturesLoop };

const [name, given] = Deno.args, count = Number(given), every = Math.ceil(count / 100), sample = sampler();
let update = 0;
await LOOPS[name!]!(count, async () => {
  if (++update % every === 0) console.log(JSON.stringify(await sample(update)));
});
Deno.exit();

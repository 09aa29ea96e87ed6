import assert from "node:assert/strict";
import { samplerFromConfig } from "../../src/sampling/from_config.ts";
import type { Config } from "../../src/weights/config.ts";
import { fixture } from "../support.ts";

interface Recorded {
  /** For each scheduler config the numbers of its grids for 1 … 200 steps. */
  cases: { config: Config; grids: number[] }[];
  /** Null where diffusers has none. */
  grids: (number[] | null)[];
}

const file = await Deno.open(fixture("timestep_grids.json.gz"));
const recorded = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
  .json() as Recorded;

/** With one evenly spaced step diffusers calls the network at t = 0, where there is nothing left to do: an error here. */
const refused = ({ timestep_spacing, use_karras_sigmas, _class_name }: Config, steps: number) =>
  steps === 1 && _class_name !== "DPMSolverMultistepScheduler" &&
  (timestep_spacing === "linspace" || use_karras_sigmas === true);

for (const { config, grids } of recorded.cases) {
  const { _class_name, beta_start: _, beta_end: __, beta_schedule: ___, ...settings } = config;
  Deno.test(`timesteps of ${_class_name} are diffusers' for 1 to 200 steps, ${JSON.stringify(settings)}`, () => {
    for (const [i, number] of grids.entries()) {
      const steps = i + 1, grid = recorded.grids[number];
      const ours = () => samplerFromConfig({ clip_sample: false, ...config }, steps).timesteps;
      if (!grid || refused(config, steps)) assert.throws(ours, { name: "UserError" }, `${steps} steps`);
      else {
        const expected = grid.filter((t) => t >= 0); // its own defect at 61, 103, 121, 122 trailing steps
        const timesteps = ours();
        assert.equal(timesteps.length, expected.length, `${steps} steps`);
        for (const [call, t] of timesteps.entries()) {
          assert.ok(
            Math.abs(t - expected[call]!) < 0.0075,
            `${steps} steps, call ${call}: ${t} for ${expected[call]}`,
          );
        }
      }
    }
  });
}

/**
 * deno task studies:figures [NAME …]: draws the figures of docs/findings.md from the results of the studies beside this file,
 * as SVG, with Chromium.
 * @module
 */
import { fileURLToPath } from "node:url";
import { barFigure } from "../../src/display/bar_figure.ts";
import { type Figure, lineFigure, type Series } from "../../src/display/figure.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { writeText } from "../../src/weights/atomic_write.ts";
import { findChromium, startBrowser } from "../../tests/notebooks/browser.ts";
import { plotlyImage, plotlyPage } from "../../tests/notebooks/plotly_image.ts";

/** A row of `arms` in a study's results.json. */
interface ArmRow {
  arm: string;
  sampler: string;
  sampling_steps: number;
  guidance_scale: number;
  score: string;
  value: number;
  ci_low: number;
  ci_high: number;
  floor?: number;
  n: number;
  reference?: string;
  difference?: number;
  difference_ci_low?: number;
  difference_ci_high?: number;
  relative_change?: number;
  relative_ci_low?: number;
  relative_ci_high?: number;
}

/** A row of `costs`. */
interface CostRow {
  arm: string;
  seconds_per_step: number;
}

interface Results {
  arms: ArmRow[];
  costs: CostRow[];
}

const WIDTH = 760;
const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

async function resultsOf(study: string): Promise<Results> {
  return JSON.parse(await Deno.readTextFile(path(`${study}/results.json`))) as Results;
}

/** Rows of the FID that compare with a reference. */
function against({ arms }: Results, reference: string): ArmRow[] {
  return arms.filter((row) => row.score === "fid" && row.reference === reference);
}

/** How far ADT's FID is from each reference arm's, in per cent. */
function headline(results: Results): Figure {
  const arms = ["ADT", "ADT, 3x"], references = ["untuned", "diffusion loss only", "diffusion loss only, 3x"];
  const series = references.map((reference) => {
    const { y, ...bounds } = percent(
      arms.map((arm) => against(results, reference).find((row) => row.arm === arm)!),
    );
    return { name: `against ${reference}`, values: y, ...bounds };
  });
  return barFigure(arms, series, {
    title: "Change of the FID: below 0 is better",
    x: { label: "" },
    y: { label: "change", unit: "%" },
  });
}

/** How far the FID is from the untuned model's, in per cent, over the length of the tuning. */
function lengths(headline: Results, longer: Results): Figure {
  const rows = [...against(headline, "untuned"), ...against(longer, "untuned")];
  const line = (name: string): Series => {
    const own = ["", ", 3x", ", 10x"].map((times) => rows.find(({ arm }) => arm === name + times)!);
    return { name, x: [1, 3, 10], ...percent(own) };
  };
  return lineFigure(["ADT", "diffusion loss only"].map(line), {
    title: "FID against the untuned model's: below 0 is better",
    x: { label: "length of the tuning, in times the demo's", log: true },
    y: { label: "change", unit: "%" },
  });
}

function parts(results: Results): Figure {
  const rows = against(results, "ADT").filter(({ arm }) => arm !== "untuned");
  return barFigure(rows.map(({ arm }) => arm), [{
    name: "difference",
    values: rows.map(({ difference }) => difference!),
    low: rows.map(({ difference_ci_low }) => difference_ci_low!),
    high: rows.map(({ difference_ci_high }) => difference_ci_high!),
  }], {
    title: "FID against that of ADT as it is: to the right is worse",
    x: { label: "difference of the FID" },
    y: { label: "" },
    horizontal: true,
  });
}

/** How far ADT's FID is from the untuned model's, in per cent, over sampling steps; a line for each sampler. */
function samplers(results: Results): Figure {
  const rows = against(results, "untuned").filter(({ arm }) => arm === "ADT");
  const lines = [...new Set(rows.map(({ sampler }) => sampler))].map((name): Series => {
    const own = rows.filter(({ sampler }) => sampler === name)
      .toSorted((a, b) => a.sampling_steps - b.sampling_steps);
    return { name, x: own.map(({ sampling_steps }) => sampling_steps), y: percent(own).y }; // four bands would cover one another
  });
  return lineFigure(lines, {
    title: "FID of ADT against the untuned model: below 0 is better",
    x: { label: "sampling steps", log: true },
    y: { label: "change", unit: "%" },
  });
}

function percent(rows: ArmRow[]): Pick<Series, "y" | "low" | "high"> {
  return {
    y: rows.map(({ relative_change }) => 100 * relative_change!),
    low: rows.map(({ relative_ci_low }) => 100 * relative_ci_low!),
    high: rows.map(({ relative_ci_high }) => 100 * relative_ci_high!),
  };
}

/** How far each arm's FID is from the untuned model's under the same guidance, in per cent. */
function guidance(results: Results): Figure {
  const rows = against(results, "untuned");
  const lines = [...new Set(rows.map(({ arm }) => arm))].map((name): Series => {
    const own = rows.filter(({ arm }) => arm === name);
    return { name, x: own.map(({ guidance_scale }) => guidance_scale), ...percent(own) };
  });
  return lineFigure(lines, {
    title: "FID against the untuned model under the same guidance: below 0 is better",
    x: { label: "guidance scale" },
    y: { label: "change", unit: "%" },
  });
}

/** Seconds of an update over the sampling steps T; a line for each plan and K. Truncated ones cost what stopped ones do. */
function cost({ costs }: Results): Figure {
  const plans = new Map<string, CostRow[]>();
  for (const row of costs) {
    const [, plan, steps, k] = /^(full|stop-input), T = (\d+)(?:, K = (\d+))?$/.exec(row.arm) ?? [];
    if (plan === undefined) continue;
    const name = k === undefined ? plan : `${plan}, K = ${k === steps ? "T" : k}`;
    plans.set(name, [...plans.get(name) ?? [], row]);
  }
  const lines = [...plans].map(([name, rows]): Series => ({
    name,
    x: rows.map(stepsOf),
    y: rows.map(({ seconds_per_step }) => seconds_per_step),
  }));
  return lineFigure(lines, {
    title: "Time of an update",
    x: { label: "sampling steps T" },
    y: { label: "time", unit: "s" },
  });
}

const stepsOf = ({ arm }: CostRow) => Number(/T = (\d+)/.exec(arm)![1]);

/** The figures by the names of their files, and the studies that they show. */
const FIGURES: Record<string, { studies: string[]; draw: (...results: Results[]) => Figure }> = {
  headline: { studies: ["headline"], draw: headline },
  lengths: { studies: ["headline", "longer"], draw: lengths },
  parts: { studies: ["parts"], draw: parts },
  samplers: { studies: ["samplers"], draw: samplers },
  guidance: { studies: ["guidance"], draw: guidance },
  cost_time: { studies: ["cost"], draw: cost },
};

if (import.meta.main) {
  const unknown = Deno.args.find((name) => !(name in FIGURES));
  if (unknown !== undefined) {
    throw new UserError(`there is no figure "${unknown}"; there are ${Object.keys(FIGURES).join(", ")}`);
  }
  const chromium = findChromium();
  if (chromium === undefined) {
    throw new UserError("Chromium was not found. Install it (Debian: apt install chromium).");
  }
  const browser = await startBrowser(chromium);
  try {
    const page = await plotlyPage(browser);
    for (const [name, { studies, draw }] of Object.entries(FIGURES)) {
      if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
      const results = await Promise.all(studies.map(resultsOf));
      const uri = await plotlyImage(page, draw(...results), { format: "svg", width: WIDTH });
      const svg = decodeURIComponent(uri.slice(uri.indexOf(",") + 1));
      await writeText(path(`../../docs/findings/${name}.svg`), svg + "\n");
    }
  } finally {
    await browser.close();
  }
}

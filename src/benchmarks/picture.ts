import { type Markup, markup } from "../display/html.ts";
import { INK, PALETTE } from "../display/theme.ts";
import type { Ratios } from "./ratios.ts";

const WIDTH = 720, LABELS = 190, BAR = 11, ROW = 2 * BAR + 14, TOP = 56, BOTTOM = 20;

/**
 * Ratios as horizontal bars, two a case, with a line where both are even: a picture (SVG) for a page that runs no
 * scripts.
 */
export function ratioPicture(ratios: readonly Ratios[]): string {
  const height = TOP + ROW * ratios.length + BOTTOM, plot = WIDTH - LABELS - 60;
  const most = Math.max(1, ...ratios.flatMap(({ time, memory }) => [time, memory]));
  const length = (ratio: number) => plot * ratio / most, even = LABELS + length(1);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img"
 font-family="system-ui, sans-serif" font-size="13" fill="${INK}">
<title>Time over the fastest PyTorch side's, peak memory over eager PyTorch's, in the same precision: shorter than the line is better</title>
${legend("time", 0)}${legend("peak memory", 1)}
<text x="${even}" y="${TOP - 12}" text-anchor="middle">PyTorch</text>
${ratios.map((one, row) => bars(one, TOP + ROW * row, length))}
<line x1="${even}" x2="${even}" y1="${TOP - 6}" y2="${height - BOTTOM}" stroke="${INK}"/>
</svg>
`.markup;
}

function legend(text: string, series: number): Markup {
  const x = LABELS + 90 * series;
  return markup`<rect x="${x}" y="8" width="11" height="11" fill="${PALETTE[series]}"/>
<text x="${x + 17}" y="18">${text}</text>`;
}

function bars({ name, time, memory }: Ratios, top: number, length: (ratio: number) => number): Markup {
  const bar = (ratio: number, series: number) => {
    const y = top + (BAR + 1) * series, right = LABELS + length(ratio);
    return markup`<rect x="${LABELS}" y="${y}" width="${length(ratio).toFixed(1)}" height="${BAR}"
 fill="${PALETTE[series]}"/>
<text x="${(right + 5).toFixed(1)}" y="${y + 10}" font-size="11">${ratio.toFixed(2)}</text>`;
  };
  return markup`<text x="${LABELS - 8}" y="${top + 16}" text-anchor="end">${name}</text>
${bar(time, 0)}${bar(memory, 1)}
`;
}

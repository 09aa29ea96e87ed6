import type { Json } from "./json.ts";

/**
 * The palette of Okabe and Ito (2008), told apart with every common form of colour blindness. Its yellow and black
 * are left out: one fades on white, the other on dark pages.
 */
export const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#808080"] as const;

/** Second cues beside colour, so that lines stay apart in print and for every eye. */
export const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid"] as const;
export const SYMBOLS = [
  "circle",
  "square",
  "diamond",
  "triangle-up",
  "x",
  "cross",
  "star",
] as const;

/** Text that is readable on white and on near-black alike. */
export const INK = "#767676";
const GRID = "rgba(128, 128, 128, 0.25)";

export function color(index: number): string {
  return PALETTE[index % PALETTE.length]!;
}

/** The same colour, see-through; for bands and fills. */
export function translucent(hex: string, alpha: number): string {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** "noise level (σ)": a label with its unit. */
function axisTitle(axis: { label: string; unit?: string }): string {
  return axis.unit === undefined ? axis.label : `${axis.label} (${axis.unit})`;
}

/** One axis in the common look. */
export function themedAxis(axis: { label: string; unit?: string; log?: boolean }): { [key: string]: Json } {
  return {
    title: { text: axisTitle(axis) },
    type: axis.log ? "log" : "-",
    gridcolor: GRID,
    zerolinecolor: GRID,
    linecolor: GRID,
    automargin: true,
  };
}

/** The layout that all figures share: see-through ground, so that the page's own light or dark theme shows. */
export function themedLayout(title: string, legend: boolean): { [key: string]: Json } {
  return {
    title: {
      text: title,
      x: 0,
      xref: "paper",
      y: 1,
      yref: "container",
      yanchor: "top",
      pad: { t: 12 },
      font: { size: 16 },
    },
    showlegend: legend,
    font: { family: "system-ui, -apple-system, Segoe UI, sans-serif", size: 13, color: INK },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    colorway: [...PALETTE],
    hovermode: "closest",
    height: 360,
    margin: { l: 64, r: 16, t: legend ? 76 : 48, b: 48 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left" },
  };
}

/** A single layer, or a chain of equal ones, as it is measured alone. */
export interface MeasuredLayer {
  kind: "conv" | "linear" | "group-norm-silu" | "layer-norm" | "geglu" | "attention";
  /** Of what it takes: [B,H,W,C], [rows,C] or [B,N,C]. */
  shape: number[];
  /** Names of what it takes. */
  inputs: string[];
  /** How many are chained, each with its own weights, so that the cost of the call itself does not count. */
  calls: number;
  groups?: number;
  heads?: number;
}

/** A layer's name with its real and its tiny size. */
export interface LayerSizes {
  name: string;
  title: string;
  full: MeasuredLayer;
  quick: MeasuredLayer;
}

/** So many that the call around them, a few tenths of a millisecond on either side, does not count. */
const CHAINED = 10;

function sizes(
  name: string,
  title: string,
  layer: Pick<MeasuredLayer, "kind"> & Partial<MeasuredLayer>,
  full: number[],
  quick: number[],
): LayerSizes {
  const common = { inputs: ["x"], calls: CHAINED, ...layer };
  return { name, title, full: { ...common, shape: full }, quick: { ...common, shape: quick } };
}

function groupNorm(side: number, batch: number, channels: number): LayerSizes {
  const title = `GroupNorm + SiLU ${batch}×${side}×${side}×${channels}`;
  const full = [batch, side, side, channels], quick = [2, 4, 4, 128];
  return sizes(
    `group-norm-${side}`,
    title,
    {
      kind: "group-norm-silu",
      groups: 32,
    },
    full,
    quick,
  );
}

function attention(width: number): LayerSizes {
  const heads = 8, title = `attention of 8×1024 tokens, ${heads} heads of ${width}`;
  const layer = { kind: "attention", inputs: ["q", "k", "v"], heads, calls: 1 } as const;
  return sizes(
    `attention-${width}`,
    title,
    { ...layer, inputs: [...layer.inputs] },
    [8, 1024, heads * width],
    [
      1,
      8,
      heads * 2,
    ],
  );
}

/**
 * The layers that are measured alone. GEGLU cannot be chained, its result has half the channels; it and attention take long
 * enough by themselves.
 */
export const LAYERS: readonly LayerSizes[] = [
  sizes("conv", "3×3 convolution 8×16×16×128", { kind: "conv" }, [8, 16, 16, 128], [1, 4, 4, 8]),
  sizes("linear", "linear 8192×320→320", { kind: "linear" }, [8192, 320], [8, 16]),
  groupNorm(32, 8, 64),
  groupNorm(16, 8, 128),
  groupNorm(64, 2, 320),
  sizes("layer-norm", "LayerNorm 2×4096×320", { kind: "layer-norm" }, [2, 4096, 320], [1, 4, 16]),
  sizes("geglu", "GEGLU 2×4096×(2·1280)", { kind: "geglu", calls: 1 }, [2, 4096, 2560], [1, 4, 16]),
  attention(8),
  attention(40),
];

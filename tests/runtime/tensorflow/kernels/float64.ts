/** The kernels' operations and their gradients in JavaScript's float64, by their definitions. */

type Numbers = ArrayLike<number>;

/** A value and the gradient of each input. */
export interface Reference {
  value: Numbers;
  grads: Numbers[];
  /** For gradients that are differences: the largest magnitude of their terms. Default: 0. */
  terms?: number[];
}

/** erf by its series, beyond 2.5 by the continued fraction of 1 − erf. */
export function erf(x: number): number {
  if (Math.abs(x) >= 2.5) return Math.sign(x) * (1 - upperTail(Math.abs(x)));
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return sum * 2 / Math.sqrt(Math.PI);
}

function upperTail(x: number): number {
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const silu = (x: number) => x * sigmoid(x);
const siluSlope = (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x)));
const cdf = (x: number) => 0.5 + 0.5 * erf(x * Math.SQRT1_2);
const gelu = (x: number) => x * cdf(x);
const geluSlope = (x: number) => cdf(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

const elementwise =
  (f: (x: number) => number, slope: (x: number) => number) => (x: Numbers, dy: Numbers): Reference => ({
    value: Float64Array.from(x, f),
    grads: [Float64Array.from(x, (x, i) => dy[i]! * slope(x))],
  });

export const siluOf = elementwise(silu, siluSlope);
export const geluOf = elementwise(gelu, geluSlope);

/** x [rows,2C] */
export function gegluOf(x: Numbers, dy: Numbers, channels: number): Reference {
  const value = new Float64Array(dy.length), dx = new Float64Array(x.length);
  for (let i = 0; i < dy.length; i++) {
    const at = i + Math.floor(i / channels) * channels, v = x[at]!, gate = x[at + channels]!;
    value[i] = v * gelu(gate);
    dx[at] = dy[i]! * gelu(gate);
    dx[at + channels] = dy[i]! * v * geluSlope(gate);
  }
  return { value, grads: [dx] };
}

/**
 * (x − mean)/√(variance + ε)·factor + shift, and SiLU behind it if wanted.
 *
 * @param group which group each number of x is normalised with
 * @param weight which number of factor and shift belongs to each number of x
 * @param centred whether the mean is subtracted; else it is root-mean-square normalisation
 */
export function normalisedOf(
  x: Numbers,
  factor: Numbers,
  shift: Numbers | undefined,
  dy: Numbers,
  { group, weight, eps, centred = true, activated = false }: {
    group: (i: number) => number;
    weight: (i: number) => number;
    eps: number;
    centred?: boolean;
    activated?: boolean;
  },
): Reference {
  const each = Array.from(x), groups = 1 + each.reduce((most, _, i) => Math.max(most, group(i)), -1);
  const sums = (term: (i: number) => number) => {
    const sum = new Float64Array(groups);
    each.forEach((_, i) => sum[group(i)]! += term(i));
    return sum;
  };
  const count = sums(() => 1), mean = sums((i) => centred ? x[i]! : 0).map((s, g) => s / count[g]!);
  const inv = sums((i) => (x[i]! - mean[group(i)]!) ** 2).map((s, g) => 1 / Math.sqrt(s / count[g]! + eps));
  const unit = each.map((x, i) => (x - mean[group(i)]!) * inv[group(i)]!);
  const z = unit.map((u, i) => u * factor[weight(i)]! + (shift?.[weight(i)] ?? 0));
  const dz = z.map((z, i) => activated ? dy[i]! * siluSlope(z) : dy[i]!);
  const dFactor = new Float64Array(factor.length), dShift = new Float64Array(factor.length);
  dz.forEach((d, i) => {
    dFactor[weight(i)]! += d * unit[i]!;
    dShift[weight(i)]! += d;
  });
  const dUnit = dz.map((d, i) => d * factor[weight(i)]!);
  const constant = sums((i) => centred ? dUnit[i]! : 0), along = sums((i) => dUnit[i]! * unit[i]!);
  const dx = dUnit.map((d, i) => {
    const g = group(i);
    return (d - constant[g]! / count[g]! - unit[i]! * along[g]! / count[g]!) * inv[g]!;
  });
  const terms = dUnit.reduce((most, d, i) => Math.max(most, Math.abs(d) * inv[group(i)]!), 0);
  return {
    value: activated ? z.map(silu) : z,
    grads: [dx, dFactor, ...shift ? [dShift] : []],
    terms: [terms],
  };
}

/** q [B,N,heads·d], k and v [B,M,heads·d], bias [B,heads,N,M] */
export function attentionOf(
  { q, k, v, bias, dy }: Record<"q" | "k" | "v" | "dy", Numbers> & { bias?: Numbers },
  [batch, queries, keys, heads, d]: readonly [number, number, number, number, number],
  scale = 1 / Math.sqrt(d),
): Reference {
  const value = new Float64Array(q.length), width = heads * d;
  const [dq, dk, dv] = [q, k, v].map((x) => new Float64Array(x.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const each = Array.from({ length: keys }, (_, m) => m), terms = [0, 0];
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < queries; n++) {
        const at = (b * queries + n) * width + h * d;
        const keyAt = (m: number) => (b * keys + m) * width + h * d;
        const dot = (x: Numbers, y: Numbers, m: number) => {
          let sum = 0;
          for (let j = 0; j < d; j++) sum += x[at + j]! * y[keyAt(m) + j]!;
          return sum;
        };
        const scores = each.map((m) =>
          scale * dot(q, k, m) + (bias?.[((b * heads + h) * queries + n) * keys + m] ?? 0)
        );
        const most = Math.max(...scores), e = scores.map((s) => Math.exp(s - most));
        const total = e.reduce((a, b) => a + b, 0), p = e.map((e) => e / total);
        const dp = each.map((m) => dot(dy, v, m)), along = p.reduce((sum, p, m) => sum + p * dp[m]!, 0);
        for (const m of each) {
          const ds = p[m]! * (dp[m]! - along) * scale, term = p[m]! * Math.abs(dp[m]!) * scale;
          for (let j = 0; j < d; j++) {
            value[at + j]! += p[m]! * v[keyAt(m) + j]!;
            dv[keyAt(m) + j]! += p[m]! * dy[at + j]!;
            dq[at + j]! += ds * k[keyAt(m) + j]!;
            dk[keyAt(m) + j]! += ds * q[at + j]!;
            terms[0] = Math.max(terms[0]!, term * Math.abs(k[keyAt(m) + j]!));
            terms[1] = Math.max(terms[1]!, term * Math.abs(q[at + j]!));
          }
        }
      }
    }
  }
  return { value, grads: [dq, dk, dv], terms };
}

// bench: small conv unet-like training step with group norm customGrad + checkpoint
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import { startTensorflow } from "./runtime/tensorflow/install.ts";
import { compile } from "./tensor/compile.ts";
await startTensorflow(Deno.env.get("TF_LIB_DIR")!);
const A = Object.fromEntries(Deno.args.map((a) => a.split("="))) as Record<string, string>;
const mode = A.mode ?? "eager", B = Number(A.b ?? 32), C = Number(A.c ?? 64), S = Number(A.s ?? 28), L = Number(A.l ?? 12);
const noGradTape = <T>(f: () => T): T => { const s = (tf.engine() as any).state, t = s.activeTape; try { return f(); } finally { s.activeTape = t; } };
const block = (x: tf.Tensor, w1: tf.Tensor, w2: tf.Tensor) => {
  const norm = (h: tf.Tensor) => { const { mean, variance } = tf.moments(h, [1, 2], true); return h.sub(mean).mul(tf.rsqrt(variance.add(1e-5))); };
  const silu = (h: tf.Tensor) => h.mul(h.sigmoid());
  let h = tf.conv2d(silu(norm(x)) as tf.Tensor4D, w1 as tf.Tensor4D, 1, "same") as tf.Tensor;
  h = tf.conv2d(silu(norm(h)) as tf.Tensor4D, w2 as tf.Tensor4D, 1, "same");
  return x.add(h);
};
const ck = tf.customGrad((x: any, w1: any, w2: any, save: any) => {
  save([x, w1, w2]);
  return { value: block(x, w1, w2), gradFunc: (dy: any, saved: any) => noGradTape(() => tf.grads(block as any)(saved, dy)) as any };
});
const f = A.ck === "1" ? ck : block;
const n = 9 * C * C;
const step = (flat: tf.Tensor, x: tf.Tensor, y: tf.Tensor) => {
  const loss = (flat: tf.Tensor) => { const ws = tf.split(flat, Array(2 * L).fill(n)); let h = x; for (let i = 0; i < L; i++) h = (f as any)(h, ws[2 * i]!.reshape([3, 3, C, C]), ws[2 * i + 1]!.reshape([3, 3, C, C])); return h.sub(y).square().mean() as tf.Scalar; };
  const { value, grad } = tf.valueAndGrad(loss as any)(flat);
  return { loss: value, flat: flat.sub(grad.mul(0.01)) };
};
let flat: tf.Tensor = tf.randomNormal([2 * L * n], 0, 0.03, "float32", 1); const x = tf.randomNormal([B, S, S, C], 0, 1, "float32", 2), y = tf.randomNormal([B, S, S, C], 0, 1, "float32", 3);
const run = mode === "eager" ? (...a: [tf.Tensor, tf.Tensor, tf.Tensor]) => tf.tidy(() => step(...a)) : compile(step, { xla: mode === "xla" });
const rss = () => { const s = Deno.readTextFileSync("/proc/self/status"); return [/VmRSS:\s+(\d+)/.exec(s)![1], /VmHWM:\s+(\d+)/.exec(s)![1]].map((v) => (Number(v) / 1024).toFixed(0)).join("/"); };
const ts: number[] = []; let last = 0; const base = rss();
let c0 = process.cpuUsage(); for (let i = 0; i < 5; i++) { if (i === 2) c0 = process.cpuUsage(); const t = performance.now(); const r = run(flat, x, y); last = r.loss.dataSync()[0]!; r.loss.dispose(); flat.dispose(); flat = r.flat; ts.push(Math.round(performance.now() - t)); }
const cu = process.cpuUsage(c0); console.log("cpu/step", Math.round((cu.user + cu.system) / 3000), Deno.args.join(" "), ts.join(" "), "ms  base", base, "rss now/peak", rss(), "loss", last);

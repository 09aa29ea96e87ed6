import * as tf from "@tensorflow/tfjs";
import { startTensorflow } from "./runtime/tensorflow/install.ts";
import { compile } from "./tensor/compile.ts";
import { rawOp } from "./runtime/tensorflow/raw_op.ts";
console.log(await startTensorflow(Deno.env.get("TF_LIB_DIR")!));
tf.tidy(()=>tf.add([1,2],[3,4]).print());
tf.tidy(()=>tf.tensor(["a","a much longer string than twenty-two bytes"]).reshape([2,1]).print());
console.log(await tf.tensor([1,2]).data());
const c = compile((x: tf.Tensor, k: number, o: {y: tf.Tensor}) => { const [g]=tf.grads((x:tf.Tensor)=>x.mul(o.y).square().sum())([x]); return [g!.mul(k), x, x, o.y.sum(), tf.scalar(3)]; });
console.log(tf.memory().numTensors);
const r = c(tf.tensor([1,2]), 3, {y: tf.tensor([2,3])});
for (const t of r) t.print();
(await c.async(tf.tensor([1,2]), 3, {y: tf.tensor([2,3])})).map(t=>t.print());
rawOp("AddN", {}, [tf.tensor([1,2]), tf.tensor([3,4])])[0]!.print();
rawOp("Conv2D", {strides:[1,1,1,1],padding:"SAME"}, [tf.ones([1,2,2,1]), tf.ones([3,3,1,1])])[0]!.print();
for (const f of [()=>tf.randomNormal([2]), (x:tf.Tensor)=>x.dataSync(), (x:tf.Tensor)=>{tf.variable(x);return x;}, (x: tf.Tensor)=>rawOp("MatMul",{},[x,x])[0]!, (x: tf.Tensor)=>v.mul(x), (x:tf.Tensor)=>tf.unique(x.as1D()).values, async (x: tf.Tensor)=>x, ()=>1]) { const n=tf.memory().numTensors; try { console.log(compile(f as (x: tf.Tensor)=>tf.Tensor)(a())); } catch(e) { console.log(String(e), tf.memory().numTensors-n); } }
var v: tf.Variable; function a() { v ??= tf.variable(tf.ones([2]),true,"w"+Math.random()); return tf.tensor([1,2]); }

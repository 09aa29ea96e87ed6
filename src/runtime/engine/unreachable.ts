import * as tf from "@tensorflow/tfjs";
import v8 from "node:v8";
import vm from "node:vm";

/** What tfjs needs to know of a tensor to free it. */
interface Account {
  dataId: object;
  dtype: tf.DataType;
  size: number;
}

/** The part of tfjs's engine that keeps account of tensors. */
interface Accounts {
  state: { numBytes: number };
  trackTensor(tensor: tf.Tensor, backend?: unknown): void;
  disposeTensor(tensor: Account): void;
}

/** Memory of tensors below which no garbage is collected on their account, in bytes. */
const SMALL = 64e6;

let active = false;

/**
 * From now on, tensors are freed that no variable, list or function can reach any more: in a notebook, those that a
 * cell's variables held before the cell was run again. Call it once, in the first cell. JavaScript's garbage collector
 * says which they are; it runs when the memory of tensors has doubled since it last did.
 *
 * Only for notebooks: where code decides, `tf.tidy` and `dispose` free tensors sooner. Tensors made before the call, and
 * `tf.Variable`s, are left alone.
 *
 * @example
 * ```ts
 * import { freeUnreachableTensors } from "./unreachable.ts";
 * freeUnreachableTensors();
 * ```
 */
export function freeUnreachableTensors(): void {
  if (active) return;
  active = true;
  const engine = tf.engine() as unknown as Accounts;
  const track = engine.trackTensor, dispose = engine.disposeTensor;
  const collect = collector(engine);
  const unreachable = new FinalizationRegistry<Account>((account) => dispose.call(engine, account));
  engine.trackTensor = (tensor, backend) => {
    track.call(engine, tensor, backend);
    if (tensor instanceof tf.Variable) return; // tfjs itself lists variables until they are disposed of
    const { dataId, dtype, size } = tensor;
    unreachable.register(tensor, { dataId, dtype, size }, tensor);
    collect();
  };
  engine.disposeTensor = (tensor) => {
    unreachable.unregister(tensor);
    dispose.call(engine, tensor);
  };
  holdWhileRead();
}

/** Keeps a tensor reachable while its values are on their way: `await tf.sum(x).data()` leaves no other hold on it. */
function holdWhileRead(): void {
  const reading = new Map<symbol, tf.Tensor>(), read = tf.Tensor.prototype.data;
  tf.Tensor.prototype.data = async function <D extends tf.DataType>(this: tf.Tensor) {
    const key = Symbol();
    reading.set(key, this);
    try {
      return await read.call(this) as tf.DataTypeMap[D];
    } finally {
      reading.delete(key);
    }
  };
}

/** Collects garbage, soon, each time that the memory of tensors has doubled since what was left the last time. */
function collector({ state }: Accounts): () => void {
  let threshold = SMALL, due = false;
  return () => {
    if (due || state.numBytes < threshold) return;
    due = true;
    setTimeout(async () => {
      await collectGarbage();
      threshold = Math.max(SMALL, 2 * state.numBytes);
      due = false;
    });
  };
}

/** Runs the garbage collector and then what waits for its findings. */
export async function collectGarbage(): Promise<void> {
  v8.setFlagsFromString("--expose-gc"); // a context made after this has `gc`
  (vm.runInNewContext("gc") as () => void)();
  await new Promise((resolve) => setTimeout(resolve)); // finalisers run as tasks of their own
}

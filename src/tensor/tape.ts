/**
 * The gradient tape of tfjs, used directly: `tf.grads` keeps all activations *and* all intermediate gradients until its
 * end, loses the outer tape when called inside a custom gradient, and leaks when the function throws. This walk frees
 * each tensor when its last reader is done. It relies on the engine's state as of tfjs 4.22, which is pinned.
 * @module
 */
import * as tf from "@tensorflow/tfjs";

type EngineState = ReturnType<typeof tf.engine>["state"];

/** One recorded operation. */
export type TapeNode = EngineState["activeTape"][number];

/** A gradient registered with tfjs that may read the cotangent of the first output only. */
export interface GradientOfValue extends tf.GradConfig {
  /** The other outputs are kept for the gradient, never handed to the caller: they have no cotangents. */
  ofValueOnly?: boolean;
}

/** What `record` found: the value, the operations that made it, and how to free what they saved. */
export interface Recording {
  readonly value: tf.Tensor;
  readonly nodes: TapeNode[];
  /** Frees what a node saved for its gradient; nothing happens if an outer tape still needs it. */
  readonly release: (nodes: Iterable<TapeNode>) => void;
}

/**
 * Runs f and records its operations. Under an outer tape (higher-order gradients) the operations go onto that one too;
 * inside the forward or backward function of a custom gradient they get a tape of their own.
 */
export function record(f: () => tf.Tensor): Recording {
  const state = tf.engine().state;
  const { activeTape, gradientDepth, kernelDepth } = state;
  const shared = isTapeOn();
  const release = shared ? () => {} : disposeSaved;
  const tape = shared ? activeTape : [];
  const start = tape.length;
  if (!shared) Object.assign(state, { activeTape: tape, gradientDepth: 1, kernelDepth: 0 });
  try {
    const value = tf.tidy(() => ownOrClone(f()));
    return { value, nodes: makersFirst(tape.slice(start)), release };
  } catch (error) {
    release(tape);
    throw error;
  } finally {
    if (!shared) Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}

/**
 * The nodes, each behind those that made its inputs. tfjs records an operation behind the copy that it saves of its own
 * output (sigmoid, exp, softmax, …), and so loses the second derivative through that copy.
 */
function makersFirst(nodes: readonly TapeNode[]): TapeNode[] {
  const unmade = new Set(nodes.flatMap((node) => node.outputs.map((output) => output.id)));
  const ordered: TapeNode[] = [];
  let waiting: TapeNode[] = [];
  const place = (node: TapeNode) => {
    if (Object.values(node.inputs).some((x) => unmade.has(x.id))) return void waiting.push(node);
    ordered.push(node);
    for (const output of node.outputs) unmade.delete(output.id);
    const ready = waiting;
    waiting = [];
    ready.forEach(place);
  };
  nodes.forEach(place);
  return ordered;
}

/** Whether operations are being recorded: inside a gradient, but not inside an operation of it. */
export function isTapeOn(): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/** The tensor if the innermost tidy made it, else a copy (same data) that the tidy owns. */
export function ownOrClone<T extends tf.Tensor>(x: T): T {
  return x.scopeId === tf.engine().state.activeScope.id ? x : x.clone();
}

/** The nodes on a path from one of xs to y, in order, with the inputs that lie on such a path only. */
export function nodesBetween(nodes: readonly TapeNode[], xs: readonly tf.Tensor[], y: tf.Tensor): TapeNode[] {
  const fromXs = new Set(xs.map((x) => x.id));
  const reached = nodes.flatMap((node) => {
    const inputs = Object.entries(node.inputs).filter(([, x]) => fromXs.has(x.id));
    if (inputs.length === 0) return [];
    for (const output of node.outputs) fromXs.add(output.id);
    return [{ ...node, inputs: Object.fromEntries(inputs) }];
  });
  const toY = new Set([y.id]);
  return reached.reverse().filter((node) => {
    if (!node.outputs.some((output) => toY.has(output.id))) return false;
    for (const x of Object.values(node.inputs)) toY.add(x.id);
    return true;
  }).reverse();
}

/**
 * Carries the cotangent of y back along a path. Frees each intermediate gradient and each saved activation as soon as it
 * has been read.
 *
 * @returns gradients by tensor id; ids of xs without a path are absent
 */
export function backpropagate(
  path: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  y: tf.Tensor,
  cotangent: tf.Tensor,
  release: Recording["release"],
): Map<number, tf.Tensor> {
  const wanted = new Set(xs.map((x) => x.id));
  const gradients = new Map([[y.id, cotangent.clone()]]);
  for (const node of path.toReversed()) {
    const { ofValueOnly } = tf.getGradient(node.kernelName) as GradientOfValue | undefined ?? {};
    const missing = (output: tf.Tensor) => ofValueOnly ? output : null; // any tensor will do: it is not read
    const dys = node.outputs.map((output) => gradients.get(output.id) ?? missing(output));
    const dxs = inputGradients(node, dys);
    for (const { id } of node.outputs) {
      if (wanted.has(id)) continue;
      gradients.get(id)?.dispose();
      gradients.delete(id);
    }
    release([node]);
    Object.values(node.inputs).forEach((x, i) => accumulate(gradients, x.id, dxs[i]!));
  }
  return gradients;
}

let wanted: ReadonlySet<string> | undefined;

/**
 * While the gradient of a node is computed: the names of its inputs whose gradients are wanted. Undefined where that is
 * not known (a gradient by tfjs itself): all of them.
 */
export function wantedInputs(): ReadonlySet<string> | undefined {
  return wanted;
}

/** Gradients of one node's inputs, each a tensor of its own. */
function inputGradients(node: TapeNode, dys: (tf.Tensor | null)[]): tf.Tensor[] {
  if (!node.gradient) {
    throw new Error(`${node.kernelName} has no gradient in tfjs; compose it from other operations`);
  }
  return tf.tidy(() => {
    const gradientOf = gradientsWanted(node, dys);
    const seen = new Set<tf.Tensor>();
    return Object.entries(node.inputs).map(([name, x]) => {
      const dx = gradientOf[name]?.();
      if (!dx) throw new Error(`${node.kernelName} has no gradient for its input ${name} in tfjs`);
      tf.util.assertShapesMatch(dx.shape, x.shape, `gradient of ${node.kernelName}'s input ${name}: `);
      const own = seen.has(dx) ? dx.clone() : ownOrClone(dx);
      seen.add(own);
      return own;
    });
  });
}

/** Calls the node's gradient, which may ask for `wantedInputs`. */
function gradientsWanted(node: TapeNode, dys: (tf.Tensor | null)[]): Record<string, () => tf.Tensor> {
  const outer = wanted;
  wanted = new Set(Object.keys(node.inputs));
  try {
    return node.gradient!(dys as tf.Tensor[]); // tfjs replaces null by zeros
  } finally {
    wanted = outer;
  }
}

function accumulate(gradients: Map<number, tf.Tensor>, id: number, dx: tf.Tensor): void {
  const sum = gradients.get(id);
  gradients.set(id, sum ? tf.add(sum, dx) : dx);
  if (sum) tf.dispose([sum, dx]);
}

function disposeSaved(nodes: Iterable<TapeNode>): void {
  for (const node of nodes) tf.dispose(node.saved ?? []);
}

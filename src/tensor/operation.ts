import * as tf from "@tensorflow/tfjs";
import { onFusedOps } from "./fused_op.ts";
import { type GradientOfValue, isTapeOn } from "./tape.ts";

/** Numbers and switches of an operation, e.g. `{ eps: 1e-5, silu: true }`. */
export type Attributes = Record<string, number | boolean>;

/**
 * An operation that tfjs lacks. `Input` names its tensors, e.g. "x" | "scale"; `Kept` names what the value's computation
 * yields for the gradient besides, e.g. "mean".
 */
export interface OperationDefinition<Input extends string, Kept extends string> {
  /** The kernel's name in tfjs's registry, e.g. "GroupNorm"; that of its gradient is "GroupNormGrad". */
  name: string;
  /** The inputs that have a gradient; the others are constants. */
  differentiable: readonly Input[];
  /** The inputs that the gradient reads. */
  saves: readonly Input[];
  /** Whether the gradient also reads the value, as its input `y`. Default: false. */
  savesValue?: boolean;
  /** What else it reads, as `forward` returns it. Default: nothing. */
  keeps?: readonly Kept[];
  /** The value, then what `keeps` names; new tensors. */
  forward(inputs: Record<Input, tf.Tensor>, attributes: Attributes): tf.Tensor[];
  /** A new tensor for each differentiable input, in order. Inputs that are not saved are undefined. */
  backward(inputs: Record<Input | Kept | "dy" | "y", tf.Tensor>, attributes: Attributes): tf.Tensor[];
  /** The same by kernels of this project's own, used where there are such (see `onFusedOps`). */
  fused?: Partial<Pick<OperationDefinition<Input, Kept>, "forward" | "backward">>;
}

/** Runs an operation on named tensors. */
export type Operation<Input extends string> = (
  inputs: Record<Input, tf.Tensor>,
  attributes?: Attributes,
) => tf.Tensor;

/**
 * Adds an operation to tfjs as tfjs's own are made: a kernel for the value, a kernel for the gradient (`registerKernel`),
 * and which tensors the second one takes from the first (`registerGradient`). So the tape holds one node, which keeps
 * these alive and nothing else. A definition serves every engine: it is registered when the engine first runs the
 * operation, unless a kernel of that name was registered for that engine before.
 *
 * Under an outer tape, for second derivatives, `backward` runs as a part of that tape and not as a kernel. It is then
 * differentiable if it consists of tfjs's operations and reads nothing of what `forward` kept (see `isTapeOn`).
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { defineOperation } from "./operation.ts";
 * await tf.setBackend("cpu");
 * const cube = defineOperation<"x">({
 *   name: "Cube",
 *   differentiable: ["x"],
 *   saves: ["x"],
 *   forward: ({ x }) => [x.pow(3)],
 *   backward: ({ dy, x }) => [dy.mul(x.square()).mul(3)],
 * });
 * console.log(tf.grad((x) => cube({ x }))(tf.scalar(2)).arraySync()); // 12
 * ```
 */
export function defineOperation<Input extends string, Kept extends string = never>(
  definition: OperationDefinition<Input, Kept>,
): Operation<Input> {
  const { name, differentiable, saves, savesValue = false, keeps = [] } = definition;
  const saved = [...saves, ...(savesValue ? ["y"] : []), ...keeps];
  const forward = choosing(definition.forward as Implementation, definition.fused?.forward as Implementation);
  const unfused = definition.backward as Implementation;
  const backward = choosing(unfused, definition.fused?.backward as Implementation);
  const gradient: GradientOfValue = {
    kernelName: name,
    inputsToSave: [...saves],
    outputsToSave: [savesValue, ...keeps.map(() => true)],
    ofValueOnly: true,
    gradFunc(dys, tensors, attributes) {
      const dy = Array.isArray(dys) ? dys[0]! : dys;
      const inputs = { ...Object.fromEntries(saved.map((input, i) => [input, tensors[i]!])), dy };
      const gradients = isTapeOn()
        ? unfused(inputs, attributes as Attributes)
        : runKernel(`${name}Grad`, backward, inputs, attributes as Attributes);
      return Object.fromEntries(differentiable.map((input, i) => [input, () => gradients[i]!]));
    },
  };
  tf.registerGradient(gradient);
  return (inputs, attributes = {}) => tf.tidy(() => runKernel(name, forward, inputs, attributes)[0]!);
}

type Tensors = Record<string, tf.Tensor>;
type Implementation = (inputs: Tensors, attributes: Attributes) => tf.Tensor[];

function choosing(implementation: Implementation, fused: Implementation | undefined): Implementation {
  if (!fused) return implementation;
  return (inputs, attributes) => (onFusedOps() ? fused : implementation)(inputs, attributes);
}

function runKernel(
  kernelName: string,
  implementation: Implementation,
  inputs: Tensors,
  attributes: Attributes,
): tf.Tensor[] {
  const backendName = tf.getBackend();
  if (!tf.getKernel(kernelName, backendName)) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => implementation(inputs as Tensors, attrs as Attributes)),
    });
  }
  return tf.engine().runKernel(kernelName, inputs, attributes) as tf.Tensor[];
}

import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { backend } from "../runtime/tensorflow/backend.ts";
import { storageOf } from "../runtime/tensorflow/stored.ts";

/** Thrown where a `tf.Variable` is made while a function is recorded: it has to exist before. */
export class VariableMade extends Error {}

/** The `tf.Variable`s that a function being recorded reads and assigns. */
export interface RecordedVariables {
  /** In the order of the function's inputs. */
  readonly reads: readonly tf.Variable[];
  /** Types that these are stored in, see `storageOf`. */
  readonly stored: readonly (number | undefined)[];
  /** Those that were assigned, which now hold what the function gives them. */
  updates(): tf.Variable[];
  /** Whether the tensor with this id is a variable's value; if so, it is one of `reads` from now on. */
  isVariable(id: number): boolean;
  /** Runs `f` with assignments noted, and with the making of variables refused. */
  watch<T>(f: () => T): T;
  /** Gives each assigned variable the value back that it had before. */
  restore(): void;
}

/** Nothing read or assigned yet. `name` is the recorded function's, for errors. */
export function recordedVariables(name: string): RecordedVariables {
  const reads: tf.Variable[] = [], stored: (number | undefined)[] = [];
  const before = new Map<tf.Variable, object>(); // assigned variable -> its data before, held alive

  return {
    reads,
    stored,
    updates: () => [...before.keys()],
    isVariable(id) {
      const { tensorMap } = backend();
      const variables = Object.values(tf.engine().registeredVariables);
      const found = variables.filter((variable) => tensorMap.get(variable.dataId).id === id);
      if (found.length > 1) {
        const names = found.map((variable) => `"${variable.name}"`).join(" and ");
        throw new UserError(
          `${name} reads the variables ${names}, which share one tensor. Make one from a copy: tf.variable(x.add(0)).`,
        );
      }
      reads.push(...found);
      stored.push(...found.map(storageOf));
      return found.length === 1;
    },
    watch(f) {
      const engine = tf.engine(), { makeVariable } = engine, { assign } = tf.Variable.prototype;
      engine.makeVariable = () => {
        throw new VariableMade();
      };
      tf.Variable.prototype.assign = function (value) {
        if (!before.has(this)) {
          const { dataId } = this;
          backend().incRef(dataId);
          before.set(this, dataId);
        }
        assign.call(this, value);
      };
      try {
        return f();
      } finally {
        engine.makeVariable = makeVariable;
        tf.Variable.prototype.assign = assign;
      }
    },
    restore() {
      for (const [variable, dataId] of before) {
        setData(variable, dataId);
        backend().disposeData(dataId); // no longer held
      }
      before.clear();
    },
  };
}

/** What `tf.Variable.assign` does, with data in place of a tensor. */
function setData(variable: tf.Variable, dataId: object): void {
  const engine = tf.engine();
  engine.disposeTensor(variable);
  (variable as { dataId: object }).dataId = dataId;
  engine.incRef(variable, null as unknown as tf.KernelBackend);
}

/** Assigns the results of a call to the variables that it updates, and frees the results. */
export function assignAll(variables: readonly tf.Variable[], values: readonly tf.Tensor[]): void {
  variables.forEach((variable, i) => variable.assign(values[i]!));
  tf.dispose([...values]);
}

import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";

/** Stands for the `index`-th tensor in the structure of a tree. */
class Slot {
  constructor(readonly index: number) {}
}

/** A tree taken apart: its tensors in order, and what is left of it. */
export interface FlatTree {
  tensors: tf.Tensor[];
  /** Names the structure, the plain values, and the tensors' dtypes and shapes. */
  key: string;
  /** The tree with other tensors in the places of its own. */
  rebuild(tensors: readonly tf.Tensor[]): unknown;
}

/**
 * Takes a tree apart.
 *
 * @param what names the tree in errors, e.g. "argument of step"
 * @throws UserError naming the place of anything but tensors, plain values, arrays and plain records
 */
export function flattenTree(tree: unknown, what: string): FlatTree {
  const tensors: tf.Tensor[] = [], key: string[] = [];

  const walk = (node: unknown, path: string): unknown => {
    if (node instanceof tf.Tensor) {
      key.push(node.dtype, "[", String(node.shape), "]");
      return new Slot(tensors.push(node) - 1);
    }
    if (Array.isArray(node)) {
      key.push("(");
      const items = node.map((item, i) => walk(item, `${path}[${i}]`));
      key.push(")");
      return items;
    }
    if (isRecord(node)) {
      key.push("{");
      const entries = Object.entries(node).map(([name, value]) => {
        key.push(JSON.stringify(name));
        return [name, walk(value, `${path}.${name}`)];
      });
      key.push("}");
      return Object.fromEntries(entries);
    }
    if (!isPlain(node)) throw notATree(node, path);
    key.push(
      typeof node === "string" ? JSON.stringify(node) : Object.is(node, -0) ? "-0" : String(node),
      ";",
    );
    return node;
  };

  const structure = walk(tree, what);
  return { tensors, key: key.join(""), rebuild: (replacements) => fill(structure, replacements) };
}

function fill(structure: unknown, tensors: readonly tf.Tensor[]): unknown {
  if (structure instanceof Slot) return tensors[structure.index];
  if (Array.isArray(structure)) return structure.map((item) => fill(item, tensors));
  if (!isRecord(structure)) return structure;
  return Object.fromEntries(Object.entries(structure).map(([name, value]) => [name, fill(value, tensors)]));
}

function isRecord(x: unknown): x is Record<string, unknown> {
  if (typeof x !== "object" || x === null) return false;
  const prototype = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

const isPlain = (x: unknown) => x === null || ["string", "number", "boolean", "undefined"].includes(typeof x);

function notATree(x: unknown, path: string): UserError {
  const given = typeof x === "object" ? x!.constructor.name : typeof x;
  return new UserError(
    `${path} is a ${given}; expected tensors, numbers, strings, booleans, null, or arrays and plain records of them. ` +
      "Numbers that change from call to call belong in a tensor.",
  );
}

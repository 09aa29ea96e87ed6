/** What stands in the table for a tensor that exists only in a recording: it has a shape, but no value yet. */
const SYMBOLIC = 1n;

/**
 * Ids for tensors: tfjs names a tensor by a small integer, TensorFlow by the address of a `TFE_TensorHandle`.
 * Ids of removed tensors are given out again.
 */
export interface HandleTable {
  /** Gives a handle an id. */
  add(handle: bigint): number;
  /** Gives an id to a tensor that exists only in a recording. */
  addSymbolic(): number;
  isSymbolic(id: number): boolean;
  /** @throws Error if there is no such tensor, or if it exists only in a recording. */
  get(id: number): bigint;
  /** Forgets an id; returns its handle, or undefined for one that existed only in a recording. */
  remove(id: number): bigint | undefined;
  /** How many tensors are alive. */
  count(): number;
}

/** An empty table. */
export function createHandleTable(): HandleTable {
  const handles: bigint[] = []; // 0n: free
  const free: number[] = [];

  function add(handle: bigint): number {
    const id = free.pop() ?? handles.length;
    handles[id] = handle;
    return id;
  }

  function get(id: number): bigint {
    const handle = handles[id];
    if (handle === SYMBOLIC) {
      throw new Error(
        "This tensor was made while compile() recorded a function, and has no value outside it. " +
          "Return it from the function instead of keeping it in a variable.",
      );
    }
    if (!handle) throw new Error(`There is no tensor with id ${id}: it was disposed.`);
    return handle;
  }

  return {
    add,
    addSymbolic: () => add(SYMBOLIC),
    isSymbolic: (id) => handles[id] === SYMBOLIC,
    get,
    remove(id) {
      const handle = handles[id] === SYMBOLIC ? undefined : get(id);
      handles[id] = 0n;
      free.push(id);
      return handle;
    },
    count: () => handles.length - free.length,
  };
}

import type { Attribute } from "./attributes.ts";
import { cName } from "./library.ts";
import type { Session } from "./session.ts";

/** One input of an op as TensorFlow defines it: a tensor, or a list of tensors. */
export interface InputDefinition {
  name: string;
  /** Attribute that gives its element type, or "" if that is fixed. */
  typeAttribute: string;
  /** Attribute that gives the number of tensors in a list of one type, or "". */
  numberAttribute: string;
  /** Attribute that gives the types of a list of mixed types, or "". */
  typesAttribute: string;
}

/** What TensorFlow knows of an op: its inputs in order, and the types of its attributes, e.g. "int", "list(int)". */
export interface OpDefinition {
  inputs: InputDefinition[];
  attributes: Map<string, string>;
}

/**
 * The definition that each of an op's inputs belongs to; a list's stands once for each of its tensors.
 *
 * @param attributes may give the lengths of lists
 */
export function definitionsOfInputs(
  inputs: readonly InputDefinition[],
  attributes: readonly Attribute[],
  count: number,
): InputDefinition[] {
  const singles = inputs.filter((d) => !isList(d)).length, onlyList = inputs.length - singles === 1;
  const valueOf = (name: string) => attributes.find((a) => a.name === name)?.value;
  return inputs.flatMap((definition) => {
    const { numberAttribute, typesAttribute } = definition;
    if (!isList(definition)) return definition;
    const length = onlyList
      ? count - singles
      : numberAttribute
      ? Number(valueOf(numberAttribute))
      : (valueOf(typesAttribute) as readonly number[]).length;
    return Array.from({ length }, () => definition);
  });
}

/** Whether an input is a list of tensors. */
export const isList = ({ numberAttribute, typesAttribute }: InputDefinition): boolean =>
  numberAttribute !== "" || typesAttribute !== "";

const definitions = new Map<string, OpDefinition>();

/**
 * TensorFlow's definition of an op.
 *
 * @throws TensorflowError if there is no op of that name.
 */
export function opDefinition(session: Session, op: string): OpDefinition {
  let definition = definitions.get(op);
  if (!definition) definitions.set(op, definition = parseDefinition(serializedDefinition(session, op)));
  return definition;
}

/** The op's `OpDef` protocol buffer. */
function serializedDefinition({ library, status }: Session, op: string): Uint8Array {
  const graph = library.TF_NewGraph(), buffer = library.TF_NewBuffer();
  try {
    library.TF_GraphGetOpDef(graph, cName(op), buffer, status.pointer);
    status.check();
    const head = new BigUint64Array(2); // TF_Buffer { data, length, ... }
    library.copyOut(head, buffer, 16n);
    const bytes = new Uint8Array(Number(head[1]));
    library.copyOut(bytes, head[0]!, head[1]!);
    return bytes;
  } finally {
    library.TF_DeleteBuffer(buffer);
    library.TF_DeleteGraph(graph);
  }
}

/** OpDef { input_arg = 2 { name = 1, type_attr = 4, number_attr = 5, type_list_attr = 6 }, attr = 4 { name = 1, type = 2 } } */
function parseDefinition(bytes: Uint8Array): OpDefinition {
  const definition: OpDefinition = { inputs: [], attributes: new Map() };
  for (const [field, content] of messageFields(bytes)) {
    if (field === 2) {
      const text = textFields(content);
      definition.inputs.push({
        name: text[1] ?? "",
        typeAttribute: text[4] ?? "",
        numberAttribute: text[5] ?? "",
        typesAttribute: text[6] ?? "",
      });
    } else if (field === 4) {
      const text = textFields(content);
      definition.attributes.set(text[1]!, text[2]!);
    }
  }
  return definition;
}

const decoder = new TextDecoder();

function textFields(message: Uint8Array): Record<number, string> {
  return Object.fromEntries(
    messageFields(message).map(([field, content]) => [field, decoder.decode(content)]),
  );
}

/** The length-delimited fields (strings and messages) of a protocol buffer message; numbers are skipped. */
function messageFields(bytes: Uint8Array): [field: number, content: Uint8Array][] {
  const fields: [number, Uint8Array][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint(), wire = tag & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      fields.push([tag >>> 3, bytes.subarray(at, at += length)]);
    }
  }
  return fields;
}

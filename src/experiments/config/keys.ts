import { z } from "zod";

/** A key of a configuration. */
export interface ConfigKey {
  /** As "adt.plan.steps"; of a list's entries "data.also[]", of any name "arms.*". */
  path: string;
  /** As "number", or "ddim | euler". */
  kind: string;
  /** What it is when it is left out, as JSON; undefined where that is nothing, or an error. */
  fallback?: string;
  description?: string;
}

type Json = z.core.JSONSchema.JSONSchema;

/** All keys that a configuration's schema takes, in its order; once for each kind of value. */
export function configKeys(schema: z.ZodType): ConfigKey[] {
  return keysIn(z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }), "");
}

function keysIn(schema: Json, path: string): ConfigKey[] {
  const members = [...schema.anyOf ?? [], ...schema.oneOf ?? [], ...schema.allOf ?? []] as Json[];
  if (members.length) {
    const { default: fallback, description } = schema;
    return members.flatMap((member) => keysIn({ default: fallback, description, ...member }, path));
  }
  const keys = Object.entries(schema.properties ?? {}) as [string, Json][];
  const more = schema.additionalProperties;
  return [
    ...(path ? [keyOf(schema, path)] : []),
    ...keys.flatMap(([key, value]) => keysIn(value, path ? `${path}.${key}` : key)),
    ...(typeof more === "object" && Object.keys(more).length ? keysIn(more as Json, `${path}.*`) : []),
    ...(schema.items ? keysIn(schema.items as Json, `${path}[]`) : []),
  ];
}

function keyOf(schema: Json, path: string): ConfigKey {
  const { type, enum: values, const: value, default: fallback, description } = schema;
  const kind = value !== undefined
    ? JSON.stringify(value)
    : values
    ? values.join(" | ")
    : String(type ?? "any");
  return {
    path,
    kind,
    ...fallback !== undefined && { fallback: JSON.stringify(fallback) },
    ...description !== undefined && { description },
  };
}

import { closest } from "fastest-levenshtein";
import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import { cut, listed, quoted } from "../runtime/wording.ts";

/** The projections of attention, by the names of diffusers' networks and of transformers' CLIP. */
export const ATTENTION_TARGETS: readonly string[] = [
  ...["to_q", "to_k", "to_v", "to_out.0"],
  ...["add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"],
  ...["q_proj", "k_proj", "v_proj", "out_proj"],
];

/** The linear layers of the feed-forward parts, likewise. */
export const FEED_FORWARD_TARGETS: readonly string[] = [
  ...["ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2"],
  ...["mlp.fc1", "mlp.fc2"],
];

/**
 * Which layers are adapted: those of attention, of attention and the feed-forward parts, or those listed. As peft's
 * `target_modules`, a string names a layer or the end of its name ("to_q", "attn2.to_k"); a pattern must match the name.
 */
export type LoraTargets = "attention" | "attention+feed-forward" | readonly (string | RegExp)[];

/** Lookup tables, which are no linear layers although their weights have two dimensions. */
const TABLE = /(^|[._])(embedding|embeddings|shared|embed_tokens|relative_attention_bias)$/;

/** Names of the linear and convolution layers among declared weights: `NAME.weight` of rank 2 or 4. */
export function adaptableModules(declarations: Declarations): string[] {
  return Object.entries(declarations)
    .filter(([name, { shape }]) => name.endsWith(".weight") && (shape.length === 2 || shape.length === 4))
    .map(([name]) => name.slice(0, -".weight".length))
    .filter((module) => !TABLE.test(module));
}

/**
 * The layers that the targets name, in the order of the declarations.
 *
 * ```ts
 * import { linear } from "../nn/layers.ts";
 * import { selectModules } from "./targets.ts";
 * const d = {};
 * linear(d, "attn.to_q", { in: 4, out: 4 });
 * linear(d, "proj", { in: 4, out: 4 });
 * console.log(selectModules(d, "attention"), selectModules(d, [/^pr/])); // [ "attn.to_q" ] [ "proj" ]
 * ```
 *
 * @throws UserError when there is none, and for each listed name or pattern that fits no layer
 */
export function selectModules(declarations: Declarations, targets: LoraTargets): string[] {
  const modules = adaptableModules(declarations);
  const wanted = listOf(targets);
  const selected = modules.filter((module) => wanted.some((target) => fits(module, target)));
  const idle = typeof targets === "string"
    ? []
    : wanted.filter((target) => !modules.some((module) => fits(module, target)));
  if (idle.length > 0) {
    const lines = idle.map((target) => `  ${cut(String(target))}${nearest(target, modules)}`);
    throw new UserError(`LoRA targets that name no linear or convolution layer:\n${listed(lines, "\n")}`);
  }
  if (selected.length === 0) {
    throw new UserError(
      `LoRA targets ${quoted(targets)} fit none of the network's ${modules.length} linear and convolution ` +
        "layers; list the names of some, or ends of them",
    );
  }
  return selected;
}

function listOf(targets: LoraTargets): readonly (string | RegExp)[] {
  if (targets === "attention") return ATTENTION_TARGETS;
  if (targets === "attention+feed-forward") return [...ATTENTION_TARGETS, ...FEED_FORWARD_TARGETS];
  return targets as readonly (string | RegExp)[];
}

function fits(module: string, target: string | RegExp): boolean {
  return typeof target === "string"
    ? module === target || module.endsWith(`.${target}`)
    : module.search(target) >= 0;
}

function nearest(target: string | RegExp, modules: readonly string[]): string {
  if (typeof target !== "string" || modules.length === 0) return "";
  const parts = target.split(".").length;
  const ends = modules.map((module) => module.split(".").slice(-parts).join("."));
  return `, the nearest is ${closest(target, ends)}`;
}

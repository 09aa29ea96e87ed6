import { closest } from "fastest-levenshtein";
import type { Declarations } from "../nn/declare.ts";
import { diffusersName, knownNames, LORA_COMPONENTS, type LoraComponent, type Place } from "./components.ts";

/** Declarations of a pipeline's networks, by diffusers' names of these. */
export type LoraNetworks = Partial<Record<LoraComponent, Declarations>>;

/** The layers of a pipeline's networks by all their names, with dots and with underscores for them. */
export type LayerNames = ReadonlyMap<string, readonly Place[]>;

/** A layer's name in a file: which network it says, and the places that it may stand for. */
export interface NamedLayer {
  /** The name without what wraps it. */
  readonly name: string;
  readonly places: readonly Place[];
}

/** All names of the layers that a file may adapt. */
export function layerNames(networks: LoraNetworks): LayerNames {
  const names = new Map<string, Place[]>();
  for (const component of LORA_COMPONENTS) {
    const declarations = networks[component];
    if (!declarations) continue;
    for (const [name, place] of knownNames(component, declarations)) {
      for (const spelling of new Set([name, flat(name)])) {
        names.set(spelling, [...names.get(spelling) ?? [], place]);
      }
    }
  }
  return names;
}

/** Words before a layer's name that say whose it is, in order of precedence; `_` stands for `.` too. */
const NETWORK_WORDS: readonly (readonly [string, readonly LoraComponent[]])[] = [
  ["vae|first_stage_model|controlnet|t5xxl|te3|text_encoder_?3|image_encoder|prior", []],
  ["te2|text_encoder_?2|clip_g|embedders_1", ["text_encoder_2"]],
  ["te1?|text_encoder(?:_?1)?|clip_l|cond_stage_model|embedders_0", ["text_encoder"]],
  ["unet|transformer|diffusion_model|denoiser|dit|mmdit", ["unet", "transformer"]],
];

const networkWord = (words: string) => `_(?:${words})(?=_(?!blocks))`;

const ANY_NETWORK = new RegExp(networkWord(NETWORK_WORDS.map(([words]) => words).join("|")), "g");

/** Words of layers' paths; one right before a layer's name makes it another layer's. */
const LAYER_WORDS =
  /^(blocks?|layers?|resnets?|attentions?|attn\d?|encoder|decoder|ff|mlp|down(sampl\w+)?|up(sampl\w+)?|(down|mid|middle|up|input|output|joint|single|double|transformer)_blocks?)$/;

/**
 * Finds the layer in a path of a file, `<wrapping>.<layer's name>`: the layer's name is the longest end of the path that is
 * the name of one, the wrapping anything but a part of a longer layer's path. The wrapping also tells the network, where it
 * has the name of one; otherwise every network with such a layer is a place.
 *
 * ```ts
 * import { findLayer, layerNames } from "./layer_names.ts";
 * const names = layerNames({ unet: { "conv_in.weight": { shape: [3, 3, 4, 8], init: { kind: "constant", value: 0 } } } });
 * console.log(findLayer("foo.bar.conv_in", names)?.places[0]?.component, findLayer("vae.conv_in", names)); // unet undefined
 * ```
 */
export function findLayer(path: string, names: LayerNames): NamedLayer | undefined {
  for (const start of starts(path)) {
    const name = path.slice(start), places = names.get(name);
    if (!places) continue;
    const wrapping = path.slice(0, Math.max(0, start - 1)), { components, rest } = networkSaid(wrapping);
    const words = rest.split(path[start - 1] === "_" ? /[._]/ : ".");
    if (words.some((word) => /^\d+$/.test(word) || LAYER_WORDS.test(word))) return undefined;
    const fitting = components ? places.filter(({ component }) => components.includes(component)) : places;
    return fitting.length > 0 ? { name, places: fitting } : undefined;
  }
  return undefined;
}

/** The layer whose name is nearest to that in a path, by diffusers' name; none if the path is another network's. */
export function nearestLayer(path: string, names: LayerNames): string | undefined {
  const { components, rest } = networkSaid(path);
  const candidates = [...names].filter(([name, [place]]) =>
    !name.includes(".") && (!components || components.includes(place!.component))
  );
  if (candidates.length === 0) return undefined;
  const [place] = names.get(closest(flat(rest).replace(/^_/, ""), candidates.map(([name]) => name)))!;
  return diffusersName(place!.component, place!.modules[0]!);
}

/** Where the layer's name may begin: after each dot, and after each underscore of a name without dots. */
function starts(path: string): number[] {
  const flatFrom = path.lastIndexOf(".");
  return [
    0,
    ...Array.from(path.matchAll(/[._]/g), ({ index }) => index).filter((i) => path[i] === "." || i > flatFrom)
      .map((i) => i + 1),
  ];
}

/** The networks whose names stand in a wrapping, and what follows the last of these. */
function networkSaid(wrapping: string): { components?: readonly LoraComponent[]; rest: string } {
  const text = `_${flat(wrapping)}_`;
  const last = [...text.matchAll(ANY_NETWORK)].at(-1);
  if (!last) return { rest: wrapping };
  const said = NETWORK_WORDS.find(([words]) => new RegExp(networkWord(words)).test(text));
  return { components: said![1], rest: wrapping.slice(last.index + last[0].length) };
}

const flat = (name: string) => name.replaceAll(".", "_");

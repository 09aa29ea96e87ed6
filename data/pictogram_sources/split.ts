import { permutation } from "../../src/runtime/random.ts";
import type { Emoji } from "./emoji.ts";

/** Families of more concepts are for training, so that the small splits are varied. */
const LARGE = 6;

/** Share of a category's concepts in the splits beside `train`. */
const SHARES = { final: 0.1, search: 0.1 };

/**
 * The split of each family. In every category the families are taken in random order; one goes to `final` if a tenth of the
 * category's concepts is not passed by it, else to `search` likewise, else to `train`, and there in any case if it is large. A
 * family belongs to the category of its first concept.
 */
export function splitFamilies(emoji: readonly Emoji[]): Map<string, string> {
  const concepts = new Map<string, Set<string>>(), categories = new Map<string, string[]>();
  for (const { family, concept, category } of emoji) {
    if (!concepts.has(family)) {
      concepts.set(family, new Set());
      categories.set(category, [...categories.get(category) ?? [], family]);
    }
    concepts.get(family)!.add(concept);
  }
  const splits = new Map<string, string>();
  [...categories.values()].forEach((families, step) => {
    const size = (family: string) => concepts.get(family)!.size;
    const total = families.reduce((sum, family) => sum + size(family), 0);
    const room = new Map(Object.entries(SHARES).map(([split, share]) => [split, Math.round(share * total)]));
    for (const i of permutation({ seed: 0, purpose: "pictograms split", step }, families.length)) {
      const family = families[i]!;
      const split = [...room.keys()].find((name) => size(family) <= Math.min(room.get(name)!, LARGE));
      if (split) room.set(split, room.get(split)! - size(family));
      splits.set(family, split ?? "train");
    }
  });
  return splits;
}

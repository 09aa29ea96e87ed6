import { join } from "node:path";
import { familyOf } from "./families.ts";

/** One emoji: a concept, or a concept with skin tones. */
export interface Emoji {
  /** The label without skin tones. */
  concept: string;
  label: string;
  tags: string[];
  category: string;
  subcategory: string;
  /** The label of the first concept of its family: see `familyOf`. */
  family: string;
  /** 1 is light, 5 is dark; one number, or one for each of two people. */
  tones: number[] | null;
  /** Code points in hexadecimal, joined by "-". */
  codepoints: string;
}

interface Entry {
  label: string;
  hexcode: string;
  order?: number;
  group?: number;
  subgroup?: number;
  tags?: string[];
  skins?: { label: string; hexcode: string; tone: number | number[] }[];
}

/** Groups that are left out: skin and hair by themselves, and flags. Regional indicators have no group. */
const LEFT_OUT = ["component", "flags"];

/** All emoji of emojibase but flags and components, in Unicode's order, each followed by itself in every skin tone. */
export async function readEmoji(folder: string): Promise<Emoji[]> {
  const entries: Entry[] = JSON.parse(await Deno.readTextFile(join(folder, "en/data.json")));
  const names = JSON.parse(await Deno.readTextFile(join(folder, "meta/groups.json")));
  const families = new Map<string, string>(), emoji: Emoji[] = [];
  entries.sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
  for (const { label: concept, hexcode, group, subgroup, tags = [], skins = [] } of entries) {
    const category = names.groups[String(group)] as string | undefined;
    if (!category || LEFT_OUT.includes(category)) continue;
    const key = familyOf(concept, category);
    if (!families.has(key)) families.set(key, concept);
    const facts = { concept, tags, category, subcategory: names.subgroups[String(subgroup)] };
    const family = families.get(key)!;
    emoji.push({ ...facts, label: concept, family, tones: null, codepoints: hexcode });
    for (const { label, hexcode, tone } of skins) {
      emoji.push({ ...facts, label, family, tones: [tone].flat(), codepoints: hexcode });
    }
  }
  return emoji;
}

import assert from "node:assert/strict";
import {
  captionForms,
  captionsOf,
  drawCaption,
  PICTOGRAM_STYLES,
} from "../../src/data/pictogram_captions.ts";
import { nounPhrase, withArticle, withTones } from "../../src/data/pictogram_names.ts";
import { loadPictograms } from "../../src/data/pictograms.ts";

const helicopter = {
  style: "3D",
  concept: "helicopter",
  tags: ["copter", "travel", "vehicle", "helicopter", "!?"],
  category: "travel-places",
  tones: null,
} as const;

Deno.test("captionsOf() gives eight forms, with and without the style", () => {
  assert.deepEqual(captionForms(helicopter), [
    ["a 3D emoji of a helicopter"],
    ["a picture of a helicopter in 3D style"],
    ["a helicopter, 3D"],
    [
      "helicopter, copter, travel, in 3D style",
      "helicopter, travel, vehicle, in 3D style",
      "helicopter, vehicle, copter, in 3D style",
    ],
    ["3D emoji, helicopter, copter", "3D emoji, helicopter, travel", "3D emoji, helicopter, vehicle"],
    ["helicopter"],
    ["an emoji of a helicopter"],
    ["helicopter, copter, travel", "helicopter, travel, vehicle", "helicopter, vehicle, copter"],
  ]);
  assert.equal(captionsOf(helicopter).length, 14);
  assert.ok(
    captionsOf({ ...helicopter, tags: ["helicopter"] }).every((caption) =>
      !/, ,|, $|undefined/.test(caption)
    ),
  );
});

Deno.test("captions have an article only where English has one", () => {
  const cases: [concept: string, category: string, expected: string][] = [
    ["octopus", "animals-nature", "an octopus"],
    ["unicorn", "animals-nature", "a unicorn"],
    ["ewe", "animals-nature", "a ewe"],
    ["hourglass done", "travel-places", "an hourglass done"],
    ["umbrella", "travel-places", "an umbrella"],
    ["rhinoceros", "animals-nature", "a rhinoceros"],
    ["cactus", "animals-nature", "a cactus"],
    ["grapes", "food-drink", "grapes"],
    ["cooked rice", "food-drink", "cooked rice"],
    ["glass of milk", "food-drink", "a glass of milk"],
    ["skis", "activities", "skis"],
    ["tennis", "activities", "tennis"],
    ["x-ray", "objects", "an x-ray"],
    ["euro banknote", "objects", "a euro banknote"],
    ["woman’s clothes", "objects", "woman's clothes"],
    ["one o’clock", "travel-places", "one o'clock"],
    ["Statue of Liberty", "travel-places", "the Statue of Liberty"],
    ["ATM sign", "symbols", "an ATM sign"],
    ["SOS button", "symbols", "an SOS button"],
    ["no entry", "symbols", "no entry"],
    ["Leo", "symbols", "Leo"],
    ["people hugging", "people-body", "people hugging"],
    ["face savoring food", "smileys-emotion", "a face savoring food"],
  ];
  for (const [concept, category, expected] of cases) {
    assert.equal(withArticle(nounPhrase(concept), category), expected);
  }
});

Deno.test("captions say skin tones, hair, people and directions in words", () => {
  const cases: [concept: string, tones: number[] | null, expected: string][] = [
    ["thumbs up", [1], "thumbs up with light skin tone"],
    ["handshake", [2, 5], "handshake with medium-light and dark skin tones"],
    ["man: red hair", [4], "man with red hair and medium-dark skin tone"],
    ["woman: bald", null, "bald woman"],
    ["person: beard", null, "person with a beard"],
    ["man running: facing right", [3], "man running with medium skin tone facing right"],
    ["woman with white cane: facing right", [5], "woman with white cane and dark skin tone facing right"],
    ["kiss: woman, man", null, "kiss between a woman and a man"],
    ["couple with heart: man, man", [1], "couple of two men with heart and light skin tone"],
    ["family: adult, adult, child, child", null, "family of two adults and two children"],
    ["family: man, woman, girl, boy", null, "family of a man, a woman, a girl and a boy"],
    ["keycap: 5", null, "keycap 5"],
    ["Japanese “here” button", null, 'Japanese "here" button'],
  ];
  for (const [concept, tones, expected] of cases) {
    assert.equal(withTones(nounPhrase(concept), tones), expected);
  }
});

Deno.test("drawCaption() gives the same answer for the same draw, another in other epochs, pictures and seeds", () => {
  const draw = { seed: 1, epoch: 4, picture: 77 };
  assert.equal(drawCaption(helicopter, draw), drawCaption(helicopter, draw));
  const epochs = Array.from({ length: 400 }, (_, epoch) => drawCaption(helicopter, { ...draw, epoch }));
  assert.deepEqual(new Set(epochs), new Set(captionsOf(helicopter)));
  for (const form of captionForms(helicopter)) {
    const share = epochs.filter((caption) => form.includes(caption)).length / epochs.length;
    assert.ok(Math.abs(share - 1 / 8) < 0.06, `${form[0]}: ${share}`);
  }
  for (const key of ["seed", "picture"] as const) {
    const others = Array.from(
      { length: 40 },
      (_, value) => drawCaption(helicopter, { ...draw, [key]: value }),
    );
    assert.ok(new Set(others).size > 5, key);
  }
});

Deno.test("no caption of the bundled pictograms has a colon in its phrase, a curly quote or a doubled article", async () => {
  const { facts } = await loadPictograms("train");
  for (const of of facts.filter((_, i) => i % 5 === 0)) {
    for (const caption of captionsOf(of)) {
      assert.doesNotMatch(
        caption,
        /[’“”]|\b(a|an|the) (a|an|the)\b|undefined| {2}|\ba (?!ewe|euro|one)[aeio][a-z]/,
        caption,
      );
      assert.doesNotMatch(caption, /: |\bwith\b[^,]* with (light|medium|dark)/, caption);
    }
  }
  assert.deepEqual(new Set(facts.map(({ style }) => style)), new Set(PICTOGRAM_STYLES));
});

import { permutation } from "../../runtime/random.ts";

/** A caption, and the number of the picture that it is of. */
export interface PicturePrompt {
  text: string;
  picture: number;
}

/**
 * Draws captions of pictures: each picture once in a random order, then each once more in another order, … The same seed
 * gives the same, and the first of a longer list are those of a shorter one.
 *
 * @param pictures how many there are; @param n how many captions to draw
 * @param captionOf a picture's caption in the epoch 0, 1, …
 */
export function drawPrompts(
  pictures: number,
  { n, seed }: { n: number; seed: number },
  captionOf: (picture: number, epoch: number) => string,
): PicturePrompt[] {
  const prompts: PicturePrompt[] = [];
  for (let epoch = 0; prompts.length < n; epoch++) {
    const order = permutation({ seed, purpose: "prompts", step: epoch }, pictures);
    for (const picture of order.subarray(0, n - prompts.length)) {
      prompts.push({ text: captionOf(picture, epoch), picture });
    }
  }
  return prompts;
}

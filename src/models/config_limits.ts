/**
 * The largest counts that a config may name, some ten times those of the largest networks known: a network is built, if
 * only by the names and shapes of its weights, before its file of weights can say what there really is.
 * @module
 */

/** Layers or blocks in a row: SD3.5 large has 38. */
export const MOST_LAYERS = 500;

/** Entries of a list with one for each level or stage. */
export const MOST_LEVELS = 100;

/** Of any other whole number: widths, sides, positions, tokens of a vocabulary (mT5 has 250,112). */
export const LARGEST_SIZE = 2 ** 21;

const encoder = new TextEncoder(), decoder = new TextDecoder();
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

const damaged = () => new Error("the character map (precompiled_charsmap) is damaged");

/** Most bytes that take the place of a character; NFKC writes up to 33. */
const LONGEST_REPLACEMENT = 200;

/** Longest run of code points, in UTF-8 bytes, that is looked up as a whole. */
const LONGEST = 5;

/**
 * SentencePiece's text normalisation from a compiled character map, in the way in which transformers applies it: what
 * looks like one character is replaced as a whole if it is short and the map has it, else code point by code point.
 *
 * The map is a trie as a double array (Yata et al. 2007) with its size in front, and behind it the replacements,
 * each ended by a 0.
 *
 * @param bytes `precompiled_charsmap` of a tokenizer.json, decoded
 * @throws Error when the bytes are no such map
 */
export function charsmapNormalizer(bytes: Uint8Array): (text: string) => string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : NaN;
  if (!(4 + trieBytes <= bytes.length) || trieBytes % 4 !== 0) {
    throw damaged();
  }
  const trie = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = bytes.subarray(4 + trieBytes);

  /** The replacement of the shortest prefix that the map has; undefined if it has none. */
  function replacement(part: string): string | undefined {
    const start = shortestMatch(trie, encoder.encode(part));
    if (start === undefined) return undefined;
    const end = replacements.indexOf(0, start);
    if (start > replacements.length || end - start > LONGEST_REPLACEMENT || end < 0) throw damaged();
    return decoder.decode(replacements.subarray(start, end));
  }

  function replaceGrapheme(grapheme: string): string {
    const whole = encoder.encode(grapheme).length <= LONGEST ? replacement(grapheme) : undefined;
    return whole ?? Array.from(grapheme, (char) => replacement(char) ?? char).join("");
  }

  return (text) => Array.from(graphemes.segment(text), ({ segment }) => replaceGrapheme(segment)).join("");
}

/** The value of the shortest prefix of `key` that the double array has. */
function shortestMatch(trie: Uint32Array, key: Uint8Array): number | undefined {
  const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
  let node = offset(trie[0]!);
  for (const byte of key) {
    if (byte === 0) return undefined;
    node ^= byte;
    const unit = trie[node];
    if (unit === undefined || (unit & 0x800000ff) !== byte) return undefined;
    node ^= offset(unit);
    if (unit & 0x100) return trie[node]! & 0x7fffffff;
  }
  return undefined;
}

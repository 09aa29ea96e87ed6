import { readVerified } from "../../data/manifest.ts";

/** The bundled merges of CLIP, below `data/`. */
const MERGES = "tokenizers/clip/bpe_simple_vocab_16e6.txt.gz";
/** Tokens of CLIP, its two marks among them. */
const VOCABULARY = 49408;
const START = "<|startoftext|>", END = "<|endoftext|>";

/**
 * The files of CLIP's tokenizer in transformers' layout, by name. The vocabulary follows from the merges (Radford et al.
 * 2021): 256 bytes, the same at a word's end, one token for each merge, and two marks.
 *
 * @param padToken fills up short texts
 * @throws UserError if the bundled file is missing or damaged
 */
export async function clipTokenizerFiles(padToken: string): Promise<Record<string, string>> {
  const bytes = byteLetters(), fixed = 2 * bytes.length + 2;
  const merges = (await mergeLines()).slice(0, VOCABULARY - fixed);
  const tokens = [
    ...bytes,
    ...bytes.map((byte) => `${byte}</w>`),
    ...merges.map((pair) => pair.replace(" ", "")),
  ];
  const vocab = Object.fromEntries([...tokens, START, END].map((token, id) => [token, id]));
  const config = {
    tokenizer_class: "CLIPTokenizer",
    model_max_length: 77,
    bos_token: START,
    eos_token: END,
    unk_token: END,
    pad_token: padToken,
  };
  return {
    "vocab.json": JSON.stringify(vocab),
    "merges.txt": `#version: 0.2\n${merges.join("\n")}\n`,
    "tokenizer_config.json": JSON.stringify(config, null, 2) + "\n",
  };
}

async function mergeLines(): Promise<string[]> {
  const packed = new Blob([await readVerified(MERGES)]).stream();
  const text = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
  return text.split("\n").slice(1);
}

/** The letter that stands for each byte, in the vocabulary's order: printable ones for themselves, then the others. */
function byteLetters(): string[] {
  const printable = (byte: number) => byte >= 0x21 && byte <= 0x7e || byte >= 0xa1 && byte !== 0xad;
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const others = all.filter((byte) => !printable(byte));
  return [
    ...all.filter(printable).map((byte) => String.fromCodePoint(byte)),
    ...others.map((_, i) => String.fromCodePoint(256 + i)),
  ];
}

/** What a file is that is no safetensors file, by its first bytes, and what to do; undefined if nothing known. */
export function foreignKind(head: Uint8Array): string | undefined {
  const text = String.fromCharCode(...head);
  if (text.startsWith("version https://git-lfs")) {
    return 'is a pointer of Git LFS, not the weights themselves; run "git lfs pull" in its repository';
  }
  if (/^(\xef\xbb\xbf)?\s*<(!--|!doctype|html|head|\?xml|script|body)/i.test(text)) {
    return "is a web page, not weights; download the file itself, not the page about it";
  }
  if (text.startsWith("GGUF")) {
    return "is a GGUF file: quantised weights are not supported; take the model in float16, bfloat16 or float32";
  }
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) {
    return `is a zip archive, as PyTorch pickles weights (.pt, .bin, .ckpt); ${CONVERT}`;
  }
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) {
    return `is a Python pickle (.pt, .bin, .ckpt); ${CONVERT}`;
  }
  if (text.startsWith("\x89HDF")) return `is an HDF5 file (Keras); ${CONVERT}`;
  if (text.startsWith("\x1f\x8b") || text.startsWith("7z\xbc\xaf") || text.slice(257, 262) === "ustar") {
    return "is a packed archive; unpack it first";
  }
  if (/^\s*[{[]\s*"/.test(text)) return "is JSON text, not weights; fetch it again";
}

const CONVERT = "save the weights as safetensors (safetensors.torch.save_file, or save_pretrained)";

import { listed } from "../runtime/wording.ts";

/** Suffixes of the formats that are decoded. */
const READ = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "avif", "tif", "tiff"];

/** The same as the decoder calls them. It knows others, too, which can take endless time to draw (SVG). */
const DECODED = ["png", "jpeg", "webp", "gif", "heif", "tiff"];

/** Most pixels, those of the largest cameras, and how many times as long as the other a side may be. */
const MOST_PIXELS = 2 ** 26, MOST_RATIO = 32;

/** Most bytes of an image in memory, as much as those pixels with four channels of 8 bits. */
const MOST_BYTES = 4 * MOST_PIXELS;

/** Bytes of a number, by the decoder's names. */
const DEPTHS: Readonly<Record<string, number>> = { uchar: 1, char: 1, ushort: 2, short: 2 };

/** Suffixes of pictures in formats that are not decoded. */
const UNREAD =
  ("bmp dib ppm pgm pbm pnm pfm heic heif jxl jp2 j2k jpx tga psd psb exr hdr ico icns svg svgz eps ai dds " +
    "pcx qoi raw cr2 cr3 crw nef nrw arw srf dng orf rw2 raf pef").split(" ");

const suffixOf = (file: string) => file.slice(file.lastIndexOf(".") + 1).toLowerCase();

/** Whether a file's name is that of an image that can be decoded. */
export function isImage(file: string): boolean {
  return READ.includes(suffixOf(file));
}

/** One line about the files that look like images and are left out; undefined when there are none. */
export function leftOutNote(files: readonly string[], irregular: readonly string[]): string | undefined {
  const unread = files.filter((file) => UNREAD.includes(suffixOf(file)));
  const pipes = irregular.filter((file) => isImage(file) || UNREAD.includes(suffixOf(file)));
  const parts = [
    ...unread.length
      ? [`${listed(unread, ", ", 5)} (formats that are not read: convert them to PNG or JPEG)`]
      : [],
    ...pipes.length ? [`${listed(pipes, ", ", 5)} (no regular files)`] : [],
  ];
  const count = unread.length + pipes.length;
  return count ? `${count} file${count === 1 ? " is" : "s are"} left out: ${parts.join("; ")}` : undefined;
}

/** Why an image cannot be read, in words of the file's and not of the decoder's. */
export function imageFault(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/failOn setting|premature end|truncated|read error|unexpected end|corrupt|invalid/i.test(message)) {
    return "it is cut off or damaged";
  }
  if (/unsupported image format/i.test(message)) return "unsupported image format, or no image at all";
  if (/missing/i.test(message)) return "the file is missing";
  return message.split("\n")[0]!;
}

/** Fails for an image that is not to be decoded, by its header: a small file can name any size. */
export function checkHeader(
  { format, width, height, channels, depth }: {
    format: string;
    width: number;
    height: number;
    channels: number;
    depth: string;
  },
): void {
  if (!DECODED.includes(format)) throw new Error("unsupported image format");
  if (width * height > MOST_PIXELS) {
    throw new Error(`${width}×${height} are more than ${MOST_PIXELS} pixels; make it smaller`);
  }
  const bytes = channels * (DEPTHS[depth] ?? 8);
  if (width * height * bytes > MOST_BYTES) {
    throw new Error(
      `${width}×${height} of ${8 * bytes} bits each are more than ${MOST_BYTES} bytes; make it smaller`,
    );
  }
  if (Math.max(width, height) > MOST_RATIO * Math.min(width, height)) {
    throw new Error(`${width}×${height}: one side is more than ${MOST_RATIO} times as long as the other`);
  }
}

/** Fails for what is no regular file, which a decoder would wait for, and for an empty one. */
export async function checkRegular(path: string): Promise<void> {
  const { isFile, size } = await Deno.stat(path).catch(() =>
    Promise.reject(new Error("the file is missing"))
  );
  if (!isFile) throw new Error("it is no regular file");
  if (size === 0) throw new Error("the file is empty");
}

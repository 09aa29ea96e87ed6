/** Reports how much of `total` bytes is done. */
export type Progress = (done: number, total: number) => void;

/** e.g. 262 MB, or 2.1 GB; less than a megabyte in kB. */
export function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** e.g. "downloading: 120 MB of 274 MB (44 %), 12 s left"; the time is left out until it can be told. */
export function progressText(label: string, done: number, total: number, seconds: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const left = share > 0.02 && seconds > 1 ? `, ${Math.ceil(seconds / share - seconds)} s left` : "";
  return `${label}: ${bytesText(done)} of ${bytesText(total)} (${Math.floor(100 * share)} %)${left}`;
}

/**
 * A progress line on stderr: rewritten in place in a terminal, otherwise one line for every quarter done. Call
 * `end()` when the stage is over, whether it went well or not.
 */
export function progressLine(label: string): { update: Progress; end(): void } {
  const terminal = Deno.stderr.isTerminal(), start = performance.now();
  let quarter = -1, shown = false;
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  return {
    update(done, total) {
      const text = progressText(label, done, total, (performance.now() - start) / 1000);
      const now = Math.floor(4 * done / Math.max(1, total));
      if (terminal) write(`\r\x1b[K${text}`);
      else if (now > quarter) write(text + "\n");
      quarter = Math.max(quarter, now);
      shown = true;
    },
    end() {
      if (terminal && shown) write("\n");
    },
  };
}

/** What a notebook front end is given: the same content under several MIME types; it shows the richest it knows. */
export type MimeBundle = Record<string, unknown>;

interface DisplayOptions {
  /** Name of an output, so that it can be replaced later. */
  display_id?: string;
  /** Replaces the output of that name instead of adding one. */
  update?: boolean;
}

/** Deno's kernel sends some outputs after it reports "idle", large ones later, and front ends then drop them. */
const SETTLE_MS = 5, SETTLE_MS_PER_MB = 50;

/** Whether this code runs in a Jupyter notebook. */
export function inNotebook(): boolean {
  try {
    return Deno.jupyter !== undefined;
  } catch {
    return false; // the getter throws everywhere else
  }
}

/** Sends one output to the notebook and waits until it is safely out. */
export async function emit(bundle: MimeBundle, options: DisplayOptions = {}): Promise<void> {
  const display = Deno.jupyter.display as (
    bundle: MimeBundle,
    options: DisplayOptions & { raw: true },
  ) => Promise<void>;
  await display(bundle, { raw: true, ...options });
  const settle = SETTLE_MS + SETTLE_MS_PER_MB * JSON.stringify(bundle).length / 1e6;
  await new Promise((resolve) => setTimeout(resolve, settle));
}

/** One output of the notebook; each call of the returned function replaces what it shows. */
export function replaceableOutput(): (bundle: MimeBundle) => Promise<void> {
  const display_id = crypto.randomUUID();
  let shown = false;
  return (bundle) => {
    const update = shown;
    shown = true;
    return emit(bundle, { display_id, update });
  };
}

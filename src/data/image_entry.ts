/** One image of a folder, before it is opened. */
export interface ImageEntry {
  /** Path below the folder. */
  file: string;
  caption?: string;
  label?: string | number;
  /** Reads it where it is no file of its own: of a shard. */
  read?(): Promise<Uint8Array>;
}

/** The images of a folder. */
export interface ImageList {
  entries: ImageEntry[];
  /** The folder's split that they are, by its folder's name. */
  split?: string;
  /** A line for each kind of thing that is there and not used. */
  notes: string[];
}

/** A caption without line breaks. */
export const oneLine = (text: string): string => text.replaceAll(/\s*\r?\n\s*/g, " ");

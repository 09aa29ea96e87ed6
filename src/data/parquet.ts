import { type FileMetaData, parquetSchema, type SchemaTree } from "hyparquet";
import { cut } from "../runtime/wording.ts";

/**
 * Refuses row groups whose columns are not each one of the schema's: hyparquet would not wait for theirs, nor catch their errors.
 *
 * @throws Error
 */
export function checkColumns(metadata: FileMetaData): void {
  const known = leavesOf(parquetSchema(metadata)).map(({ path }) => JSON.stringify(path));
  for (const { columns } of metadata.row_groups) {
    const paths = columns.map(({ meta_data }) => JSON.stringify(meta_data?.path_in_schema));
    if (new Set(paths).size < paths.length) throw new Error("a row group has a column twice");
    const foreign = paths.find((path) => !known.includes(path));
    if (foreign !== undefined) throw new Error(`column ${cut(foreign)} is not in the schema`);
  }
}

function leavesOf(tree: SchemaTree): SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap(leavesOf);
}

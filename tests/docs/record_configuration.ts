/** Writes the page of all keys anew: `deno task docs:configuration`. */
import { writeText } from "../../src/weights/atomic_write.ts";
import { CONFIGURATION_PAGE, configurationPage } from "./configuration_page.ts";

await writeText(CONFIGURATION_PAGE, configurationPage());

import { installEngine } from "./install_engine.ts";
import { tensorflowFiles } from "./wheels.ts";
const files = tensorflowFiles("linux", "x86_64", true)!;
const some = files.wheels.filter((w) => /cuda-runtime|cuda-cupti|cuda-nvcc|nvjitlink/.test(w.requirement));
console.log(await installEngine({ name: "some", wheels: some }, { cache: "/tmp/w/eng/c6" }));

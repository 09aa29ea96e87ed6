/** The CUDA version that the installed NVIDIA driver supports, e.g. "12.4"; undefined without a usable NVIDIA GPU. */
export function nvidiaCuda(): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const driver = Deno.dlopen("libcuda.so.1", {
      cuInit: { parameters: ["u32"], result: "i32" },
      cuDeviceGetCount: { parameters: ["buffer"], result: "i32" },
      cuDriverGetVersion: { parameters: ["buffer"], result: "i32" },
    }).symbols; // stays open: TensorFlow will use it
    const count = new Int32Array(1), version = new Int32Array(1);
    if (driver.cuInit(0) !== 0 || driver.cuDeviceGetCount(count) !== 0 || !count[0]) return undefined;
    driver.cuDriverGetVersion(version);
    return `${Math.trunc(version[0]! / 1000)}.${version[0]! % 1000 / 10}`;
  } catch {
    return undefined; // no driver
  }
}

/** Whether the installed NVIDIA driver can run the CUDA 12 libraries that TensorFlow needs. */
export function nvidiaUsable(cuda: string | undefined = nvidiaCuda()): boolean {
  return cuda !== undefined && Number(cuda.split(".")[0]) >= 12;
}

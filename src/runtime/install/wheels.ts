/**
 * A file of the Python package index with one part of an engine. It is named to the byte, so that what is installed
 * depends neither on the user's Python nor on the day.
 */
export interface Wheel {
  /** What pip is asked for, e.g. "tensorflow-cpu==2.21.0". */
  requirement: string;
  file: string;
  sha256: string;
  /** Size of the file. */
  bytes: number;
  /** Size of the wanted entries, unpacked. */
  unpackedBytes: number;
  /** Which entries are wanted: those whose names begin with one of these. */
  entries: readonly string[];
}

/** What has to be downloaded for TensorFlow on one kind of machine. */
export interface EngineFiles {
  /** Name of its folder in the cache. */
  name: string;
  wheels: readonly Wheel[];
}

export const TENSORFLOW_VERSION = "2.21.0";

const LINUX = ["tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"];
const MACOS = ["tensorflow/libtensorflow_cc.2.dylib", "tensorflow/libtensorflow_framework.2.dylib"];

function tensorflow(
  project: string,
  platform: string,
  sha256: string,
  bytes: number,
  unpackedBytes: number,
  entries: readonly string[],
): Wheel {
  return {
    requirement: `${project}==${TENSORFLOW_VERSION}`,
    file: `${project.replace("-", "_")}-${TENSORFLOW_VERSION}-cp311-cp311-${platform}.whl`,
    sha256,
    bytes,
    unpackedBytes,
    entries,
  };
}

const CPU: Record<string, Wheel> = {
  "linux-x86_64": tensorflow(
    "tensorflow-cpu",
    "manylinux_2_27_x86_64",
    "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    273829956,
    853308936,
    LINUX,
  ),
  "linux-aarch64": tensorflow(
    "tensorflow",
    "manylinux_2_27_aarch64",
    "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
    281828020,
    883062208,
    LINUX,
  ),
  "darwin-aarch64": tensorflow(
    "tensorflow",
    "macosx_12_0_arm64",
    "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
    223405849,
    740805624,
    MACOS,
  ),
};

const CUDA_TENSORFLOW = tensorflow(
  "tensorflow",
  "manylinux_2_27_x86_64",
  "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
  572440367,
  1259021080,
  LINUX,
);

/** The packages of tensorflow's extra "and-cuda" [project, version, platform, sha256, bytes, unpacked bytes]. */
const NVIDIA: readonly [string, string, string, string, number, number][] = [
  [
    "nvidia-cublas-cu12",
    "12.9.3.13",
    "manylinux_2_27_x86_64",
    "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
    581217458,
    855064416,
  ],
  [
    "nvidia-cuda-cupti-cu12",
    "12.9.79",
    "manylinux_2_25_x86_64",
    "096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f",
    10814997,
    43365768,
  ],
  [
    "nvidia-cuda-nvcc-cu12",
    "12.9.86",
    "manylinux2010_x86_64.manylinux_2_12_x86_64",
    "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
    40546229,
    98010465,
  ],
  [
    "nvidia-cuda-nvrtc-cu12",
    "12.9.86",
    "manylinux2010_x86_64.manylinux_2_12_x86_64",
    "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
    89568129,
    227340992,
  ],
  [
    "nvidia-cuda-runtime-cu12",
    "12.9.79",
    "manylinux2014_x86_64.manylinux_2_17_x86_64",
    "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
    3493179,
    5342176,
  ],
  [
    "nvidia-cudnn-cu12",
    "9.28.0.42",
    "manylinux_2_27_x86_64",
    "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
    716538495,
    1162393472,
  ],
  [
    "nvidia-cufft-cu12",
    "11.4.1.4",
    "manylinux2014_x86_64.manylinux_2_17_x86_64",
    "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
    200877592,
    293609416,
  ],
  [
    "nvidia-curand-cu12",
    "10.3.10.19",
    "manylinux_2_27_x86_64",
    "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
    68295626,
    166965432,
  ],
  [
    "nvidia-cusolver-cu12",
    "11.7.5.82",
    "manylinux_2_27_x86_64",
    "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
    338117415,
    494975064,
  ],
  [
    "nvidia-cusparse-cu12",
    "12.5.10.65",
    "manylinux2014_x86_64.manylinux_2_17_x86_64",
    "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
    366465088,
    486556368,
  ],
  [
    "nvidia-nccl-cu12",
    "2.32.3",
    "manylinux_2_27_x86_64",
    "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
    351526311,
    489653380,
  ],
  [
    "nvidia-nvjitlink-cu12",
    "12.9.86",
    "manylinux2010_x86_64.manylinux_2_12_x86_64",
    "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
    39748338,
    95935344,
  ],
];

/** "nvidia-cuda-runtime-cu12" puts its files into nvidia/cuda_runtime. */
const nvidiaFolder = (project: string) =>
  project.slice("nvidia-".length, -"-cu12".length).replaceAll("-", "_");

/** Names of the folders `nvidia/<name>/lib` whose libraries TensorFlow loads on a GPU. */
export const NVIDIA_LIBRARIES: readonly string[] = NVIDIA
  .map(([project]) => nvidiaFolder(project))
  .filter((name) => name !== "cuda_nvcc"); // programs, no libraries

const CUDA: readonly Wheel[] = [
  CUDA_TENSORFLOW,
  ...NVIDIA.map(([project, version, platform, sha256, bytes, unpackedBytes]) => {
    const folder = `nvidia/${nvidiaFolder(project)}`;
    return {
      requirement: `${project}==${version}`,
      file: `${project.replaceAll("-", "_")}-${version}-py3-none-${platform}.whl`,
      sha256,
      bytes,
      unpackedBytes,
      entries: ["bin", "lib", "nvvm"].map((part) => `${folder}/${part}/`),
    };
  }),
];

/** The files of TensorFlow for a machine; undefined where there is no library that we can load. */
export function tensorflowFiles(os: string, arch: string, cuda: boolean): EngineFiles | undefined {
  const machine = `${os}-${arch}`, cpu = CPU[machine];
  if (cuda && machine === "linux-x86_64") {
    return { name: `tensorflow-${TENSORFLOW_VERSION}-${machine}-cuda`, wheels: CUDA };
  }
  return cpu && { name: `tensorflow-${TENSORFLOW_VERSION}-${machine}-cpu`, wheels: [cpu] };
}

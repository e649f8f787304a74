// Which files of the Python package index hold the TensorFlow C library, and what of them is needed. Pinned by digest: the
// library is a native program, so it is exactly the one that was tested, whichever mirror it comes from.

import type { TensorflowVariant } from "../nn/engines/tensorflow/libraryFolders.js";

export interface Wheel {
  /** The project's name on the index, normalised. */
  readonly project: string;
  readonly version: string;
  readonly tag: string;
  readonly bytes: number;
  /** Bytes on disk of what is taken from it. */
  readonly unpacked: number;
  readonly sha256: string;
  /** Which of its files are needed. */
  readonly takes: readonly RegExp[];
}

/** The two libraries, the headers that the binding includes (of 250 MB), and the licences. No Python code is used. */
const TENSORFLOW = [
  /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/,
  /^tensorflow\/include\/tensorflow\/c\/([^/]+|eager\/c_api)\.h$/,
  /^tensorflow\/include\/(tensorflow\/core|tsl)\/platform\/ctstring\w*\.h$/,
  /^tensorflow\/include\/xla\/tsl\/c\/\w+\.h$/,
  /^tensorflow\/(include\/LICENSE|THIRD_PARTY_NOTICES\.txt)$/,
];

/** The libraries, and what compiles kernels for GPUs that are newer than the release. */
const NVIDIA = [/^nvidia\/\w+\/(lib|bin|nvvm)\/(?!.*\.(py|h)$)/, /\.dist-info\/License\.txt$/];

const CPU: readonly Wheel[] = [
  {
    project: "tensorflow-cpu",
    version: "2.20.0",
    tag: "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    bytes: 258_876_263,
    unpacked: 780_226_085,
    sha256: "cf756bbe2d256e942ab5d0ad2c858fb40017581494febdb4387c149b1afde780",
    takes: TENSORFLOW,
  },
];

/** The CUDA libraries in the versions that the release was built with: the lower bounds of its own requirements. */
const CUDA: readonly Wheel[] = [
  {
    project: "tensorflow",
    version: "2.20.0",
    tag: "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    bytes: 620_570_129,
    unpacked: 1_273_668_837,
    sha256: "481499fd0f824583de8945be61d5e827898cdaa4f5ea1bc2cc28ca2ccff8229e",
    takes: TENSORFLOW,
  },
  {
    project: "nvidia-cudnn-cu12",
    version: "9.3.0.75",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 577_163_502,
    unpacked: 885_357_134,
    sha256: "9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cublas-cu12",
    version: "12.5.3.2",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 363_313_169,
    unpacked: 551_765_766,
    sha256: "ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cusparse-cu12",
    version: "12.5.1.3",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 217_558_979,
    unpacked: 295_774_806,
    sha256: "016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cufft-cu12",
    version: "11.2.3.61",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 192_524_114,
    unpacked: 278_988_518,
    sha256: "9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8",
    takes: NVIDIA,
  },
  {
    project: "nvidia-nccl-cu12",
    version: "2.25.1",
    tag: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
    bytes: 201_352_353,
    unpacked: 271_888_999,
    sha256: "362aed5963fb9ea2ed2f264409baae30143498fd0e5c503aeaa1badd88cdc54a",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cusolver-cu12",
    version: "11.6.3.83",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 130_341_232,
    unpacked: 218_200_958,
    sha256: "93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b",
    takes: NVIDIA,
  },
  {
    project: "nvidia-curand-cu12",
    version: "10.3.6.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 56_309_107,
    unpacked: 96_589_102,
    sha256: "2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536",
    takes: NVIDIA,
  },
  {
    project: "nvidia-nvjitlink-cu12",
    version: "12.5.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 21_298_879,
    unpacked: 54_619_918,
    sha256: "f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cuda-nvrtc-cu12",
    version: "12.5.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 24_873_108,
    unpacked: 68_302_926,
    sha256: "3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cuda-nvcc-cu12",
    version: "12.5.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 22_468_537,
    unpacked: 58_851_810,
    sha256: "b03e545b8e8c3ce7ebcd7fc44063180ff52ff01d064ece2127ed90a04ef12cd0",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cuda-cupti-cu12",
    version: "12.5.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 13_811_507,
    unpacked: 44_011_470,
    sha256: "bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953",
    takes: NVIDIA,
  },
  {
    project: "nvidia-cuda-runtime-cu12",
    version: "12.5.82",
    tag: "py3-none-manylinux2014_x86_64",
    bytes: 895_707,
    unpacked: 771_294,
    sha256: "3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115",
    takes: NVIDIA,
  },
];

/** What is downloaded for a variant, in this order. */
export function wheelsOf(variant: TensorflowVariant): readonly Wheel[] {
  return variant === "cuda" ? CUDA : CPU;
}

/** The file's name on the index. */
export function wheelFile({ project, version, tag }: Wheel): string {
  return `${project.replaceAll("-", "_")}-${version}-${tag}.whl`;
}

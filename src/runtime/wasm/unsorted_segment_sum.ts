import * as tf from "@tensorflow/tfjs";

/**
 * The sums of the slices of x along its first axis that have the same segment id: [N, …] → [segments, …]. It is the
 * gradient of `gather`, so its size is that of an embedding's batch: a loop in JavaScript over wasm's memory will do.
 */
export function unsortedSegmentSum(x: tf.Tensor, segmentIds: tf.Tensor, segments: number): tf.Tensor {
  const width = x.size / segmentIds.size, values = x.dataSync(), ids = segmentIds.dataSync();
  const sums = new Float32Array(segments * width);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id < 0 || id >= segments) continue;
    for (let j = 0; j < width; j++) sums[id * width + j]! += values[i * width + j]!;
  }
  return tf.tensor(sums, [segments, ...x.shape.slice(segmentIds.rank)], x.dtype);
}

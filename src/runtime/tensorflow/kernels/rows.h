/* Rows of numbers of either type, read and written as float. */
#pragma once
#include "op.h"
#include "vector.h"

/* to[0…n) = factor·from[offset…offset+n) */
INLINE void read_row(float *to, const void *from, int type, int64_t offset, int64_t n, float factor) {
  if (type == TF_FLOAT) {
    const float *x = (const float *)from + offset;
    for (int64_t i = 0; i < n; i++) to[i] = factor * x[i];
  } else {
    const bf16 *x = (const bf16 *)from + offset;
    for (int64_t i = 0; i < n; i++) to[i] = factor * one_from_bf16(x[i]);
  }
}

/* to[offset…offset+n) = factor·from[0…n) */
INLINE void write_row(void *to, int type, int64_t offset, const float *from, int64_t n, float factor) {
  if (type == TF_FLOAT) {
    float *y = (float *)to + offset;
    for (int64_t i = 0; i < n; i++) y[i] = factor * from[i];
  } else {
    bf16 *y = (bf16 *)to + offset;
    for (int64_t i = 0; i < n; i++) y[i] = one_to_bf16(factor * from[i]);
  }
}

/* The n <= LANES numbers at `offset`, then zeros. */
INLINE vf read_vf(const void *from, int type, int64_t offset, int64_t n) {
  if (type == TF_FLOAT) {
    const float *x = (const float *)from + offset;
    return n == LANES ? load_float(x) : load_some_float(x, n);
  }
  const bf16 *x = (const bf16 *)from + offset;
  return n == LANES ? load_bf16(x) : load_some_bf16(x, n);
}

INLINE void write_vf(void *to, int type, int64_t offset, vf x, int64_t n) {
  if (type == TF_FLOAT) {
    float *y = (float *)to + offset;
    if (n == LANES) store_float(y, x);
    else store_some_float(y, x, n);
  } else {
    bf16 *y = (bf16 *)to + offset;
    if (n == LANES) store_bf16(y, x);
    else store_some_bf16(y, x, n);
  }
}

/* Goes through the numbers of a row in vectors from c on, of which the last one may have fewer than LANES: `width`. */
#define EACH_VECTOR(c, width, length) \
  for (int64_t c = 0, width; c < (length); c += LANES) \
    if ((width = (length) - c < LANES ? (length) - c : LANES))

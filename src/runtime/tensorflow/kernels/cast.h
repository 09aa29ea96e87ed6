#pragma once
#include "op.h"

/* Bytes of a number; of types that are only moved, 1. */
static inline int64_t bytes_of(int type) {
  return type == TF_FLOAT ? 4 : type == TF_BFLOAT16 || type == TF_HALF ? 2 : 1;
}

/* y[0…count) = x[0…count), from float, bfloat16 or float16 to float or bfloat16. */
void cast_numbers(const void *x, int from, void *y, int to, int64_t count);

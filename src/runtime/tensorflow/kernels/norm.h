/* The length of a vector. */
#pragma once
#include "op.h"

/* √Σx² of a tensor of floats; the call fails where there is no memory for it. */
float norm_of(Call *call, const Tensor *x);

/* Layer normalisation over the last axis, root-mean-square normalisation, and their gradients. */
#include "op.h"
#include "pool.h"
#include "rows.h"
#include <stdlib.h>

typedef struct {
  Tensor *x, *scale, *shift, *mean, *inv, *y;
  Tensor *dy, *dx, *dscale, *dshift;
  int64_t rows, channels, up, samples, rows_of_sample, blocks; /* scale and shift [samples,C]: one for so many rows */
  int centred, add_one; /* whether the mean is subtracted; whether the factor is 1 + scale */
  float eps;
  float *partial; /* [samples·blocks,2,up] */
} Norm;

INLINE vf factor_at(const Norm *n, int64_t sample, int64_t c, int64_t width) {
  vf scale = read_vf(n->scale->data, TF_FLOAT, sample * n->channels + c, width);
  return n->add_one ? scale + 1.0f : scale;
}

static void range(const Norm *n, int64_t index, int64_t *sample, int64_t *from, int64_t *to) {
  *sample = index / n->blocks;
  int64_t first = *sample * n->rows_of_sample, block = index % n->blocks;
  *from = first + n->rows_of_sample * block / n->blocks;
  *to = first + n->rows_of_sample * (block + 1) / n->blocks;
}

static void forward_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t sample, from, to;
  range(n, index, &sample, &from, &to);
  float row[n->up];
  for (int64_t r = from; r < to; r++) {
    vf sum = splat(0), squares = splat(0);
    EACH_VECTOR(c, width, n->channels) {
      vf x = read_vf(n->x->data, n->x->type, r * n->channels + c, width);
      sum += x;
      store_float(row + c, x);
    }
    float mean = n->centred ? sum_of(sum) / n->channels : 0;
    EACH_VECTOR(c, width, n->channels) {
      vf d = load_float(row + c) - mean;
      if (width < LANES) for (int64_t i = width; i < LANES; i++) d[i] = 0;
      squares += d * d;
    }
    float inv = 1 / sqrtf(sum_of(squares) / n->channels + n->eps);
    EACH_VECTOR(c, width, n->channels) {
      vf y = (load_float(row + c) - mean) * inv * factor_at(n, sample, c, width);
      if (n->shift) y += read_vf(n->shift->data, TF_FLOAT, sample * n->channels + c, width);
      write_vf(n->y->data, n->y->type, r * n->channels + c, y, width);
    }
    if (n->centred) ((float *)n->mean->data)[r] = mean;
    ((float *)n->inv->data)[r] = inv;
  }
}

static void backward_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t sample, from, to;
  range(n, index, &sample, &from, &to);
  float *dscale = n->partial + 2 * index * n->up, *dshift = dscale + n->up, unit[n->up], dunit[n->up];
  memset(dscale, 0, 8 * n->up);
  for (int64_t r = from; r < to; r++) {
    float mean = n->centred ? ((float *)n->mean->data)[r] : 0, inv = ((float *)n->inv->data)[r];
    vf sum = splat(0), along = splat(0);
    EACH_VECTOR(c, width, n->channels) {
      vf x = (read_vf(n->x->data, n->x->type, r * n->channels + c, width) - mean) * inv;
      vf dy = read_vf(n->dy->data, n->dy->type, r * n->channels + c, width), d = dy * factor_at(n, sample, c, width);
      sum += d;
      along += d * x; /* zero beyond the channels, where dy is */
      store_float(unit + c, x);
      store_float(dunit + c, d);
      store_float(dscale + c, load_float(dscale + c) + dy * x);
      store_float(dshift + c, load_float(dshift + c) + dy);
    }
    float constant = n->centred ? sum_of(sum) / n->channels : 0, of_unit = sum_of(along) / n->channels;
    EACH_VECTOR(c, width, n->channels) {
      vf dx = (load_float(dunit + c) - constant - load_float(unit + c) * of_unit) * inv;
      write_vf(n->dx->data, n->dx->type, r * n->channels + c, dx, width);
    }
  }
}

static void join(const Norm *n) {
  for (int64_t sample = 0; sample < n->samples; sample++) {
    float *dscale = (float *)n->dscale->data + sample * n->channels;
    float *dshift = n->dshift ? (float *)n->dshift->data + sample * n->channels : 0;
    for (int64_t c = 0; c < n->channels; c++) {
      double scale = 0, shift = 0;
      for (int64_t block = 0; block < n->blocks; block++) {
        const float *sums = n->partial + 2 * (sample * n->blocks + block) * n->up;
        scale += sums[c];
        shift += sums[n->up + c];
      }
      dscale[c] = scale;
      if (dshift) dshift[c] = shift;
    }
  }
}

static Norm opened(Call *call, const Attributes *attributes, int centred) {
  Norm n = {.x = input(call, 0), .scale = input(call, 1), .centred = centred, .eps = attributes->f[0]};
  if (call->failed) return n;
  n.channels = n.x->rank ? n.x->shape[n.x->rank - 1] : 0;
  n.rows = n.channels ? n.x->size / n.channels : 0;
  n.add_one = centred && attributes->i[0];
  n.samples = n.channels ? n.scale->size / n.channels : 0;
  if (n.channels == 0 || n.scale->size % n.channels ||
      (n.samples != 1 && (n.x->rank < 2 || n.samples != n.x->shape[0]))) {
    fail(call, "layer normalisation takes x [...,C] and scale [C], or x [B,N,C] and scale [B,C]");
    return n;
  }
  n.up = (n.channels + LANES - 1) / LANES * LANES;
  int64_t samples = n.samples ? n.samples : 1;
  n.rows_of_sample = n.rows / samples;
  int64_t most = (n.rows_of_sample * n.channels + 16383) / 16384, wanted = (4 * cores() + samples - 1) / samples;
  n.blocks = most < 1 ? 1 : most < wanted ? most : wanted;
  return n;
}

static void forward(Call *call, const Attributes *attributes, int centred) {
  Norm n = opened(call, attributes, centred);
  if (call->failed) return;
  if (centred) n.shift = input(call, 2);
  if (!call->failed && centred && n.shift->size != n.scale->size) {
    fail(call, "layer normalisation takes scale and shift of one shape");
  }
  n.y = output_like(call, 0, n.x, attributes->type);
  int64_t shape[8];
  memcpy(shape, n.x->shape, sizeof shape);
  shape[n.x->rank - 1] = 1;
  if (centred) n.mean = output(call, 1, TF_FLOAT, n.x->rank, shape);
  n.inv = output(call, centred ? 2 : 1, TF_FLOAT, n.x->rank, shape);
  if (!call->failed && n.x->size) parallel_for(n.samples * n.blocks, forward_task, &n);
}

static void backward(Call *call, const Attributes *attributes, int centred) {
  Norm n = opened(call, attributes, centred);
  if (call->failed) return;
  if (centred) n.mean = input(call, 2);
  n.inv = input(call, centred ? 3 : 2);
  n.dy = input(call, centred ? 4 : 3);
  n.dx = output_like(call, 0, n.x, n.x->type);
  n.dscale = output_like(call, 1, n.scale, TF_FLOAT);
  if (centred) n.dshift = output_like(call, 2, n.scale, TF_FLOAT);
  n.partial = scratch(call, n.samples * n.blocks * 2 * n.up);
  if (!call->failed) {
    parallel_for(n.samples * n.blocks, backward_task, &n);
    join(&n);
  }
  free(n.partial);
}

static void layer_forward(Call *call, const Attributes *attributes) { forward(call, attributes, 1); }
static void layer_backward(Call *call, const Attributes *attributes) { backward(call, attributes, 1); }
static void rms_forward(Call *call, const Attributes *attributes) { forward(call, attributes, 0); }
static void rms_backward(Call *call, const Attributes *attributes) { backward(call, attributes, 0); }

const Op LAYER_NORM = {
    .name = "AdtLayerNorm",
    .inputs = {"x: T", "scale: float", "shift: float"},
    .outputs = {"y: U", "mean: float", "inv: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .ints = {"add_one"},
    .compute = layer_forward,
};

const Op LAYER_NORM_GRAD = {
    .name = "AdtLayerNormGrad",
    .inputs = {"x: T", "scale: float", "mean: float", "inv: float", "dy: U"},
    .outputs = {"dx: T", "dscale: float", "dshift: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .ints = {"add_one"},
    .compute = layer_backward,
};

const Op RMS_NORM = {
    .name = "AdtRmsNorm",
    .inputs = {"x: T", "scale: float"},
    .outputs = {"y: U", "inv: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .compute = rms_forward,
};

const Op RMS_NORM_GRAD = {
    .name = "AdtRmsNormGrad",
    .inputs = {"x: T", "scale: float", "inv: float", "dy: U"},
    .outputs = {"dx: T", "dscale: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .compute = rms_backward,
};

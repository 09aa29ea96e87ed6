/* The part of TensorFlow's C API for kernels that is used here (tensorflow/c/kernels.h, tensorflow/c/ops.h). */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { TF_FLOAT = 1, TF_BFLOAT16 = 14, TF_HALF = 19 };
enum { TF_INVALID_ARGUMENT = 3 };

/* Of each kind, an op has fewer. */
enum { MOST_TENSORS = 8, MOST_ATTRIBUTES = 6 };

typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_OpKernelContext TF_OpKernelContext;
typedef struct TF_OpKernelConstruction TF_OpKernelConstruction;

/* An input or output of the kernel that runs. */
typedef struct {
  void *data;
  int type; /* TF_FLOAT, TF_BFLOAT16, or TF_HALF (casts only) */
  int rank;
  int64_t shape[8];
  int64_t size;
  TF_Tensor *tensor;
} Tensor;

/* A kernel's call. The first failure counts; after it, tensors are empty and `failed` says so. */
typedef struct {
  TF_OpKernelContext *context;
  TF_Status *status;
  int failed;
  int opened;
  Tensor tensors[2 * MOST_TENSORS];
} Call;

Tensor *input(Call *call, int index);
/* A new output of this type and shape. */
Tensor *output(Call *call, int index, int type, int rank, const int64_t *shape);
Tensor *output_like(Call *call, int index, const Tensor *like, int type);
/* Says why the kernel cannot compute. */
void fail(Call *call, const char *why);
/* Memory for the time of the call's rest; the caller frees it. */
float *scratch(Call *call, int64_t floats);

/* Attributes that a kernel reads when it is made. */
typedef struct {
  float f[MOST_ATTRIBUTES];
  int32_t i[MOST_ATTRIBUTES];
  int type; /* the value of U, if there is one: the type of the first output */
} Attributes;

typedef struct {
  const char *name;
  const char *inputs[MOST_TENSORS]; /* e.g. "x: T"; then 0 */
  const char *outputs[MOST_TENSORS];
  const char *types[MOST_ATTRIBUTES];  /* names of attributes that are float or bfloat16; "SrcT" also half */
  const char *floats[MOST_ATTRIBUTES]; /* names of attributes, in the order of `Attributes.f` */
  const char *ints[MOST_ATTRIBUTES];
  void (*compute)(Call *call, const Attributes *attributes);
} Op;

/* Every op of this library; then 0. */
extern const Op *const OPS[];

#include "op.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TF_KernelBuilder TF_KernelBuilder;
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;

TF_Status *TF_NewStatus(void);
void TF_DeleteStatus(TF_Status *);
void TF_SetStatus(TF_Status *, int code, const char *message);
int TF_GetCode(const TF_Status *);
const char *TF_Message(const TF_Status *);
void TF_DeleteTensor(TF_Tensor *);
void *TF_TensorData(const TF_Tensor *);
int TF_TensorType(const TF_Tensor *);
int TF_NumDims(const TF_Tensor *);
int64_t TF_Dim(const TF_Tensor *, int);
void TF_GetInput(TF_OpKernelContext *, int, TF_Tensor **, TF_Status *);
TF_Tensor *TF_AllocateOutput(TF_OpKernelContext *, int, int type, const int64_t *, int, size_t, TF_Status *);
void TF_OpKernelContext_Failure(TF_OpKernelContext *, TF_Status *);
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction *, TF_Status *);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction *, const char *, float *, TF_Status *);
void TF_OpKernelConstruction_GetAttrType(TF_OpKernelConstruction *, const char *, int *, TF_Status *);
void TF_OpKernelConstruction_GetAttrInt32(TF_OpKernelConstruction *, const char *, int32_t *, TF_Status *);
TF_KernelBuilder *TF_NewKernelBuilder(const char *op, const char *device,
                                      void *(*create)(TF_OpKernelConstruction *),
                                      void (*compute)(void *, TF_OpKernelContext *), void (*destroy)(void *));
void TF_RegisterKernelBuilder(const char *name, TF_KernelBuilder *, TF_Status *);
TF_OpDefinitionBuilder *TF_NewOpDefinitionBuilder(const char *name);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder *, const char *);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder *, const char *);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder *, const char *);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder *,
                                                     void (*)(TF_ShapeInferenceContext *, TF_Status *));
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder *, TF_Status *);
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext *, TF_Status *);

static Tensor *opened(Call *call, TF_Tensor *tensor) {
  Tensor *t = &call->tensors[call->opened++];
  if (!tensor || TF_GetCode(call->status)) {
    call->failed = 1;
    return t;
  }
  t->tensor = tensor;
  t->data = TF_TensorData(tensor);
  t->type = TF_TensorType(tensor);
  t->rank = TF_NumDims(tensor);
  t->size = 1;
  for (int i = 0; i < t->rank && i < 8; i++) t->size *= t->shape[i] = TF_Dim(tensor, i);
  return t;
}

Tensor *input(Call *call, int index) {
  TF_Tensor *tensor = 0;
  TF_GetInput(call->context, index, &tensor, call->status);
  return opened(call, tensor);
}

Tensor *output(Call *call, int index, int type, int rank, const int64_t *shape) {
  if (call->failed) return opened(call, 0);
  size_t bytes = type == TF_BFLOAT16 ? 2 : 4;
  for (int i = 0; i < rank; i++) bytes *= shape[i];
  return opened(call, TF_AllocateOutput(call->context, index, type, shape, rank, bytes, call->status));
}

Tensor *output_like(Call *call, int index, const Tensor *like, int type) {
  return output(call, index, type, like->rank, like->shape);
}

void fail(Call *call, const char *why) {
  if (!call->failed) TF_SetStatus(call->status, TF_INVALID_ARGUMENT, why);
  call->failed = 1;
}

float *scratch(Call *call, int64_t floats) {
  void *memory = call->failed ? 0 : aligned_alloc(64, (4 * floats + 63) / 64 * 64 + 64);
  if (!memory && !call->failed) fail(call, "out of memory");
  return memory;
}

typedef struct {
  const Op *op;
  Attributes attributes;
} Kernel;

/* TensorFlow passes no data of ours to the function that makes a kernel: each op has a function of its own. */
static void *create(const Op *op, TF_OpKernelConstruction *construction) {
  Kernel *kernel = calloc(1, sizeof *kernel);
  TF_Status *status = TF_NewStatus();
  kernel->op = op;
  for (int i = 0; op->floats[i]; i++) {
    TF_OpKernelConstruction_GetAttrFloat(construction, op->floats[i], &kernel->attributes.f[i], status);
  }
  for (int i = 0; op->ints[i]; i++) {
    TF_OpKernelConstruction_GetAttrInt32(construction, op->ints[i], &kernel->attributes.i[i], status);
  }
  for (int i = 0; op->types[i]; i++) {
    if (!strcmp(op->types[i], "U")) {
      TF_OpKernelConstruction_GetAttrType(construction, "U", &kernel->attributes.type, status);
    }
  }
  if (TF_GetCode(status)) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return kernel;
}

#define CREATE(n) \
  static void *create_##n(TF_OpKernelConstruction *c) { return create(OPS[n], c); }
CREATE(0) CREATE(1) CREATE(2) CREATE(3) CREATE(4) CREATE(5) CREATE(6) CREATE(7) CREATE(8) CREATE(9)
CREATE(10) CREATE(11) CREATE(12) CREATE(13) CREATE(14) CREATE(15) CREATE(16) CREATE(17) CREATE(18) CREATE(19)
CREATE(20) CREATE(21) CREATE(22) CREATE(23)
static void *(*const CREATES[])(TF_OpKernelConstruction *) = {
    create_0, create_1, create_2, create_3, create_4, create_5, create_6, create_7, create_8, create_9,
    create_10, create_11, create_12, create_13, create_14, create_15, create_16, create_17, create_18, create_19,
    create_20, create_21, create_22, create_23};

static void compute(void *data, TF_OpKernelContext *context) {
  const Kernel *kernel = data;
  Call call = {.context = context, .status = TF_NewStatus()};
  kernel->op->compute(&call, &kernel->attributes);
  for (int i = 0; i < call.opened; i++) {
    if (call.tensors[i].tensor) TF_DeleteTensor(call.tensors[i].tensor);
  }
  if (call.failed) TF_OpKernelContext_Failure(context, call.status);
  TF_DeleteStatus(call.status);
}

/* Shapes are said by who records an op, see TF_GraphSetTensorShape. */
static void unknown_shape(TF_ShapeInferenceContext *context, TF_Status *status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

static void define(const Op *op, TF_Status *status) {
  char text[128];
  TF_OpDefinitionBuilder *builder = TF_NewOpDefinitionBuilder(op->name);
  for (int i = 0; op->inputs[i]; i++) TF_OpDefinitionBuilderAddInput(builder, op->inputs[i]);
  for (int i = 0; op->outputs[i]; i++) TF_OpDefinitionBuilderAddOutput(builder, op->outputs[i]);
  for (int i = 0; op->types[i]; i++) {
    const char *half = strcmp(op->types[i], "SrcT") ? "" : ", half";
    snprintf(text, sizeof text, "%s: {float, bfloat16%s}", op->types[i], half);
    TF_OpDefinitionBuilderAddAttr(builder, text);
  }
  for (int i = 0; op->floats[i]; i++) {
    snprintf(text, sizeof text, "%s: float", op->floats[i]);
    TF_OpDefinitionBuilderAddAttr(builder, text);
  }
  for (int i = 0; op->ints[i]; i++) {
    snprintf(text, sizeof text, "%s: int", op->ints[i]);
    TF_OpDefinitionBuilderAddAttr(builder, text);
  }
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, unknown_shape);
  TF_RegisterOpDefinition(builder, status);
}

static char failure[512];

static void register_all(void) {
  TF_Status *status = TF_NewStatus();
  for (size_t i = 0; OPS[i] && !TF_GetCode(status); i++) {
    if (i == sizeof CREATES / sizeof *CREATES) {
      TF_SetStatus(status, TF_INVALID_ARGUMENT, "more ops than functions that make kernels");
      break;
    }
    define(OPS[i], status);
    if (TF_GetCode(status)) break;
    TF_RegisterKernelBuilder(OPS[i]->name, TF_NewKernelBuilder(OPS[i]->name, "CPU", CREATES[i], compute, free),
                             status);
  }
  if (TF_GetCode(status)) snprintf(failure, sizeof failure, "%s", TF_Message(status));
  TF_DeleteStatus(status);
}

/* Adds the ops to TensorFlow, once in a process. Returns why that failed, or an empty string. */
const char *adt_register(void) {
  static pthread_once_t registered = PTHREAD_ONCE_INIT;
  pthread_once(&registered, register_all);
  return failure;
}

#include "op.h"

extern const Op ATTENTION, BIASED_ATTENTION, ATTENTION_GRAD, BIASED_ATTENTION_GRAD, GROUP_NORM, GROUP_NORM_GRAD, LAYER_NORM,
    LAYER_NORM_GRAD, RMS_NORM, RMS_NORM_GRAD, SILU, SILU_GRAD, GELU, GELU_GRAD, GEGLU, GEGLU_GRAD, ADAMW, CAST, CHANNEL_SUM,
    COMBINE, LERP, NORM;

const Op *const OPS[] = {&ATTENTION,       &BIASED_ATTENTION, &ATTENTION_GRAD,  &BIASED_ATTENTION_GRAD, &GROUP_NORM,
                         &GROUP_NORM_GRAD, &LAYER_NORM,       &LAYER_NORM_GRAD, &RMS_NORM,              &RMS_NORM_GRAD,
                         &SILU,            &SILU_GRAD,        &GELU,            &GELU_GRAD,             &GEGLU,
                         &GEGLU_GRAD,      &ADAMW,            &CAST,            &CHANNEL_SUM,           &COMBINE,
                         &LERP,            &NORM,             0};

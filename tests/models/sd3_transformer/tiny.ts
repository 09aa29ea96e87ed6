/** A network with all that an SD3Transformer2DModel may have, as small as it can be. */
export const tiny = {
  _class_name: "SD3Transformer2DModel",
  sample_size: 4,
  patch_size: 2,
  in_channels: 3,
  out_channels: 2,
  num_layers: 2,
  num_attention_heads: 2,
  attention_head_dim: 4,
  joint_attention_dim: 5,
  caption_projection_dim: 8,
  pooled_projection_dim: 6,
  pos_embed_max_size: 4,
  qk_norm: "rms_norm",
  dual_attention_layers: [0],
};

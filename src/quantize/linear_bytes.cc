#include "quantize/linear_bytes.h"

namespace msmodelslim {

void write_linear(const QuantizedLinear& linear, ByteWriter& writer) {
  const TensorView codes = linear.codes.view();
  writer.value(linear.type);
  writer.value(codes.dtype);
  writer.values(codes.shape);
  writer.values(codes.bytes, codes.byte_size());
  writer.value(linear.group_size);
  writer.values(linear.weight_scale);
  writer.values(linear.weight_offset);
  writer.value(linear.tensor_scale);
  writer.value(linear.half_scale);
  writer.values(linear.row_scale);
  writer.values(linear.group_scale);
  writer.values(linear.exponents);
  writer.value(linear.dual_block);
  writer.values(linear.dual_scale);
  writer.value(linear.input);
  writer.value(linear.input_symmetric);
  writer.values(linear.bias);
  writer.value(linear.low_rank.rank);
  writer.values(linear.low_rank.l1);
  writer.values(linear.low_rank.l2);
  writer.value(linear.input_rotation.m);
  writer.value(linear.input_rotation.n);
  writer.values(linear.input_rotation.left);
  writer.values(linear.input_rotation.right);
  writer.value(linear.input_rotation.flat);
  writer.value(linear.input_rotation.clip_ratio);
}

QuantizedLinear read_linear(ByteReader& reader, const LinearSpec& spec) {
  QuantizedLinear linear;
  linear.spec = spec;
  linear.type = reader.value<LinearType>();
  const auto dtype = reader.value<DType>();
  const auto shape = reader.values<std::int64_t>();
  const auto codes = reader.values<std::byte>();
  linear.codes = Tensor::copy_of({dtype, shape, codes.data()});
  linear.group_size = reader.value<std::int64_t>();
  linear.weight_scale = reader.values<float>();
  linear.weight_offset = reader.values<float>();
  linear.tensor_scale = reader.value<bool>();
  linear.half_scale = reader.value<bool>();
  linear.row_scale = reader.values<float>();
  linear.group_scale = reader.values<float>();
  linear.exponents = reader.values<std::uint8_t>();
  linear.dual_block = reader.value<std::int64_t>();
  linear.dual_scale = reader.values<float>();
  linear.input = reader.value<QuantParam>();
  linear.input_symmetric = reader.value<bool>();
  linear.bias = reader.values<float>();
  linear.low_rank.rank = reader.value<std::int64_t>();
  linear.low_rank.l1 = reader.values<float>();
  linear.low_rank.l2 = reader.values<float>();
  linear.input_rotation.m = reader.value<std::int64_t>();
  linear.input_rotation.n = reader.value<std::int64_t>();
  linear.input_rotation.left = reader.values<float>();
  linear.input_rotation.right = reader.values<float>();
  linear.input_rotation.flat = reader.value<bool>();
  linear.input_rotation.clip_ratio = reader.value<float>();
  return linear;
}

}  // namespace msmodelslim

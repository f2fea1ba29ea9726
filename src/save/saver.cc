#include "save/saver.h"

#include "base/interrupt.h"

namespace msmodelslim {

void Saver::put(const std::string& name, const TensorView& view, LinearType type) {
  put_unnamed(name, view);
  saw_tensor(name, type);
}

void Saver::put(const std::string& name, Tensor tensor, LinearType type) {
  check_interrupted();
  writer_.add(name, std::move(tensor));
  saw_tensor(name, type);
}

void Saver::put_unnamed(const std::string& name, const TensorView& view) {
  check_interrupted();
  writer_.add(name, view);
}

Hash128 Saver::tensors_hash() const {
  std::string texts;
  for (const WrittenTensor& tensor : written()) texts += tensor.hash.text();
  return hash128_bytes(texts.data(), texts.size());
}

Json Saver::state() {
  return {{"weights", writer_.state()}, {"copied", copied_}, {"format", format_state()}};
}

void Saver::resume(const Json& state) {
  writer_.resume(state.at("weights"));
  copied_ = state.at("copied").get<std::set<std::string>>();
  resume_format(state.at("format"));
}

void Saver::write(Linear& linear) {
  const LinearSpec& spec = linear.spec();
  const DType dtype = linear.source().dtype();
  if (linear.changed())
    put(spec.name + ".weight", from_f32(linear.weight(), {spec.out, spec.in}, dtype),
        LinearType::kFloat);
  else {
    Tensor decoded;
    put(spec.name + ".weight", linear.source().whole(decoded), LinearType::kFloat);
  }
  if (!linear.bias().empty())
    put(spec.name + ".bias", from_f32(linear.bias().data(), {spec.out}, dtype), LinearType::kFloat);
  if (linear.input_rotation().flat)
    put_transform(spec.name, linear.input_rotation(), linear.bias().empty() ? 1 : 2);
  saw_float_linear(spec.name);
}

void Saver::put_norm(const Norm& norm, DType dtype) {
  const Shape shape =
      norm.spec.heads == 1 ? Shape{norm.spec.size} : Shape{norm.spec.heads, norm.spec.size};
  put(norm.spec.name + ".weight", from_f32(norm.file_weight().data(), shape, dtype),
      LinearType::kFloat);
  if (!norm.bias.empty())
    put(norm.spec.name + ".bias", from_f32(norm.bias.data(), shape, dtype), LinearType::kFloat);
}

void Saver::write_linear(const std::string& linear, const TensorView& weight) {
  put(linear + ".weight", weight, LinearType::kFloat);
  saw_float_linear(linear);
}

}  // namespace msmodelslim

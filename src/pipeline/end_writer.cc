#include "pipeline/end_writer.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "model/config.h"
#include "pipeline/block_writer.h"
#include "pipeline/head_quant.h"

namespace msmodelslim {
namespace {

// R^T diag(norm) R, in the norm's dtype.
Tensor rotated_norm(const TensorView& norm, const Tensor& rotation) {
  const std::int64_t n = norm.count();
  const Tensor weight = to_f32(norm);
  const auto* r = rotation.as<float>();
  std::vector<float> turned(static_cast<std::size_t>(n * n));  // R^T
  parallel_for(n, [&](std::int64_t j) {
    for (std::int64_t i = 0; i < n; ++i) turned[static_cast<std::size_t>(j * n + i)] = r[i * n + j];
  });
  std::vector<float> scaled = turned;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < n; ++i)
      scaled[static_cast<std::size_t>(j * n + i)] *= weight.as<float>()[i];
  std::vector<float> product(turned.size());
  matmul_nt(scaled.data(), n, turned.data(), n, product.data(), n, n, n, n);
  return from_f32(product.data(), {n, n}, norm.dtype);
}

std::vector<Glob> globs_of(std::initializer_list<const char*> patterns) {
  return {patterns.begin(), patterns.end()};
}

bool matches(const std::vector<Glob>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const Glob& glob) { return glob.matches(name); });
}

// Linears that see or hear and whose outputs are hidden states of the text model (reference: models
// 6; those that it does not list by their models' forward pass).
bool writes_states(std::string_view tensor) {
  static const std::vector<Glob> kModules =
      globs_of({"*visual.merger.mlp.2", "*visual.merger_list.*.mlp.2", "*visual.merger.linear_fc2",
                "*visual.deepstack_merger_list.*.linear_fc2", "*visual.merger.down_proj", "mlp1.3",
                "*multi_modal_projector.linear_2", "*mm_projector.proj.2", "*audio_tower.proj",
                "*audio_tower.proj2"});
  const std::size_t dot = tensor.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view part = tensor.substr(dot);
  if (part != ".weight" && part != ".bias") return false;
  return matches(kModules, std::string(tensor.substr(0, dot)));
}

// Linears that read the text model's embeddings, or its states behind one of its layers: those of
// Qwen3-Omni's talker.
bool reads_states(const std::string& tensor) {
  static const std::vector<Glob> kTensors = globs_of(
      {"*talker.hidden_projection.linear_fc1.weight", "*talker.text_projection.linear_fc1.weight"});
  return matches(kTensors, tensor);
}

// What reads states and cannot be rotated here: Qwen2.5-Omni's talker adds embeddings to states
// behind the final norm, whose weights go into the head; next-token layers that are no part of
// ModelSpec. MiniMax's files have some that nothing runs.
bool cannot_follow(const ModelSpec& model, const std::string& tensor) {
  static const std::vector<Glob> kTalkers = globs_of({"*talker.thinker_to_talker_proj.weight"});
  static const std::vector<Glob> kNextToken = globs_of({"*.eh_proj.weight", "mtp.*", "*.mtp.*"});
  return matches(kTalkers, tensor) ||
         (model.model_type != "minimax_m2" && matches(kNextToken, tensor));
}

// Of a weight [hidden, in] or a bias [hidden]: what gives rewritten states.
Tensor rewritten_output(const TensorView& tensor, const std::vector<ModelEnds::Rewrite>& rewrites) {
  const Tensor values = to_f32(tensor);
  const std::int64_t hidden = tensor.shape[0];
  const std::int64_t in = tensor.count() / hidden;
  const auto* from = values.as<float>();
  std::vector<float> states(static_cast<std::size_t>(in * hidden));
  for (std::int64_t i = 0; i < in; ++i)
    for (std::int64_t h = 0; h < hidden; ++h)
      states[static_cast<std::size_t>(i * hidden + h)] = from[h * in + i];
  for (const auto& rewrite : rewrites) rewrite(states.data(), in);
  std::vector<float> turned(states.size());
  for (std::int64_t i = 0; i < in; ++i)
    for (std::int64_t h = 0; h < hidden; ++h)
      turned[static_cast<std::size_t>(h * in + i)] =
          states[static_cast<std::size_t>(i * hidden + h)];
  return from_f32(turned.data(), tensor.shape, tensor.dtype);
}

}  // namespace

EndWriter::EndWriter(const ModelSpec& model, const CheckpointReader& checkpoint,
                     const ModelEnds& ends)
    : model_(model), checkpoint_(checkpoint), ends_(ends) {
  std::set<std::string> known = {model_.embedding + ".weight", model_.head.name + ".weight",
                                 model_.final_norm.name + ".weight"};
  for (const std::string& name : module_names(model_)) {
    known.insert(name + ".weight");
    known.insert(name + ".bias");
  }
  for (const BlockSpec& block : model_.blocks)
    for (const std::string& name : block.float_tensors()) known.insert(name);
  if (const auto& hyper = model_.head_hyper) known.insert({hyper->fn, hyper->base, hyper->scale});
  for (const std::string& name : checkpoint_.names())
    if (known.count(name) == 0 && !name.ends_with(".rotary_emb.inv_freq"))
      extra_tensors_.push_back(name);
  if (!extra_tensors_.empty())
    log_warning("quant", "{} tensors are no part of {} and are copied as they are, the first is {}",
                extra_tensors_.size(), model_.architecture, extra_tensors_.front());
}

void EndWriter::check_rotation() const {
  if (ends_.embedding.empty()) return;
  const auto unfit =
      std::find_if(extra_tensors_.begin(), extra_tensors_.end(),
                   [&](const std::string& name) { return cannot_follow(model_, name); });
  if (unfit != extra_tensors_.end())
    throw UsageError(
        fmt::format("{}: {} reads hidden states of the text model, which the recipe rotates; it "
                    "would be copied as it is and no longer fit",
                    checkpoint_.folder(), *unfit),
        "leave quarot or adapt_rotation out of the recipe, or take a folder without such tensors");
  const auto talker = std::find_if(extra_tensors_.begin(), extra_tensors_.end(), reads_states);
  if (talker == extra_tensors_.end()) return;
  const Json config = read_json_file((fs::path(checkpoint_.folder()) / "config.json").string());
  const std::int64_t layer =
      ModelConfig(config.value("talker_config", Json::object()), "config.json")
          .size_or("accept_hidden_layer", 18);
  if (layer >= static_cast<std::int64_t>(model_.decoders()))
    throw UsageError(
        fmt::format("{}: the talker reads states behind layer {} of {}, which have the weights of "
                    "the final norm, and the recipe moves these into the head",
                    checkpoint_.folder(), layer, model_.decoders()),
        "leave quarot or adapt_rotation out of the recipe");
}

void EndWriter::write_embedding(Saver& saver) const {
  const std::string name = model_.embedding + ".weight";
  const WeightSource source = checkpoint_.source(name);
  check_finite(name, source);
  Tensor decoded;
  if (ends_.embedding.empty())
    saver.write_float(name, source.whole(decoded));
  else
    saver.write_float(name, rewritten(source, ends_.embedding).view());
  checkpoint_.dont_need(name);
}

void EndWriter::write_head(std::optional<QuantizedLinear> quantized, Saver& saver,
                           const std::function<void(Head&)>& use) const {
  Head head(model_, checkpoint_);
  if (!model_.tied) check_finite(model_.head.name + ".weight", head.linear().source());
  Tensor weight;  // of the head as it is written, where it is not the source's
  if (!ends_.head.empty()) {
    saver.write(ends_.final_norm, checkpoint_.at(model_.final_norm.name + ".weight").dtype);
    weight = rewritten(head.linear().source(), ends_.head);
    saver.write_linear(model_.head.name, weight.view());
    head.linear() = Linear(model_.head, weight.view());
  } else {
    if (ends_.final_norm.bias.empty())
      saver.write_float(model_.final_norm.name + ".weight",
                        checkpoint_.at(model_.final_norm.name + ".weight"));
    else
      saver.write(ends_.final_norm, model_.dtype);
    if (quantized) {
      weight = dequantized_head(*quantized);
      head.linear() = Linear(model_.head, weight.view());
      saver.write(std::move(*quantized));
    } else {
      saver.write(head.linear());
    }
  }
  head.norm() = ends_.final_norm;
  if (const auto hyper = ends_.head_hyper(model_, checkpoint_)) {
    write_hyper(*hyper, checkpoint_, saver);
    head.set_hyper(hyper);
  }
  use(head);
  if (ends_.global_rotation) saver.write_global_rotation(*ends_.global_rotation);
  if (ends_.global_rotation && ends_.rotates_norm)
    saver.write_norm_rotation(
        rotated_norm(checkpoint_.at(model_.final_norm.name + ".weight"), *ends_.global_rotation));
  saver.set_metadata(ends_.metadata);
  checkpoint_.dont_need((model_.tied ? model_.embedding : model_.head.name) + ".weight");
}

bool EndWriter::rewrites_output(const std::string& name, const TensorView& tensor) const {
  return !ends_.embedding.empty() && writes_states(name) && !tensor.shape.empty() &&
         tensor.shape[0] == model_.hidden;
}

bool EndWriter::rewrites_input(const std::string& name, const TensorView& tensor) const {
  return !ends_.embedding.empty() && reads_states(name) && tensor.shape.size() == 2 &&
         tensor.shape[1] == model_.hidden;
}

void EndWriter::write_extra_tensors(Saver& saver) const {
  int rotated = 0;
  for (const std::string& name : extra_tensors_) {
    const WeightSource source = checkpoint_.source(name);
    check_finite(name, source);
    Tensor decoded;
    const TensorView tensor = source.whole(decoded);
    if (rewrites_output(name, tensor)) {
      saver.copy(name, rewritten_output(tensor, ends_.embedding).view());
      ++rotated;
    } else if (rewrites_input(name, tensor)) {
      saver.copy(name, rewritten(tensor, ends_.embedding).view());
      ++rotated;
    } else {
      saver.copy(name, tensor);
    }
    checkpoint_.dont_need(name);
  }
  if (ends_.embedding.empty() || extra_tensors_.empty()) return;
  if (rotated > 0)
    log_info("quant",
             "{} tensors that send hidden states into the text model or read them are rotated "
             "with it",
             rotated);
  else
    log_warning("quant",
                "what reads or writes hidden states among the tensors that are copied as they are "
                "(an unknown tower) no longer fits behind the rotation: see {}",
                extra_tensors_.front());
}

}  // namespace msmodelslim

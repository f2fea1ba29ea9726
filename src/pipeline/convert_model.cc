#include "pipeline/convert_model.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/output_folder.h"
#include "base/progress.h"
#include "checkpoint/source.h"
#include "pipeline/convert_choice.h"
#include "quantize/mx.h"
#include "quantize/weight_float.h"
#include "save/ascendv1_saver.h"
#include "save/compressed_tensors_saver.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kSpaceMargin = 64ULL << 20;

class Conversion {
 public:
  explicit Conversion(const ConvertJob& job)
      : job_(job),
        checkpoint_(open_source(job.model_path)),
        files_(job.model_path),
        config_(read_json_file((fs::path(job.model_path) / "config.json").string())),
        tensors_(convert_tensors(checkpoint_, job.plan.preprocess)),
        choices_(choose_conversions(job.plan, job.exclude, checkpoint_, tensors_)) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      places_[tensors_[i].name] = i;
      count(tensors_[i], choices_[i]);
    }
    summary_.bytes_before = checkpoint_.total_bytes();
    check_output_path(job.save_path, job.model_path, job.overwrite);
  }

  ConvertSummary take() { return std::move(summary_); }

  void run() {
    const auto start = std::chrono::steady_clock::now();
    OutputFolder folder(job_.save_path, job_.model_path, job_.overwrite);
    folder.require_space(output_bytes() + kSpaceMargin);
    if (!job_.recipe_file.empty())
      write_file_atomic(folder.file(job_.recipe_file), job_.recipe_text);
    copy_model_files(job_.model_path, folder.working(), false);
    const std::unique_ptr<Saver> saver = make_saver(folder.working());
    write_all(*saver);
    saver->finish();
    if (passes_codes_) keep_quantization_config(folder.file("config.json"));
    if (job_.read_back) check(folder.working(), *saver);
    check_interrupted();
    summary_.bytes_after = saver->total_bytes();
    folder.publish();
    summary_.folder = folder.final_path();
    summary_.wall_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  void count(const ConvertTensor& tensor, const ConvertChoice& choice) {
    using Kind = ConvertChoice::Kind;
    passes_codes_ = passes_codes_ || choice.kind == Kind::kCodes;
    if (choice.kind == Kind::kQuantize) {
      biases_.insert(module_of(tensor.name) + ".bias");
      linears_.loose.push_back(linear_of(tensor));
      linears_.obstacle = "a conversion";
    }
    if (choice.kind == Kind::kAsIs || choice.kind == Kind::kCodes)
      ++summary_.others;
    else
      ++summary_.edges[choice.edge];
    if (choice.kind == Kind::kFloat || choice.kind == Kind::kQuantize)
      converted_.push_back(module_of(tensor.name));
  }

  static LinearSpec linear_of(const ConvertTensor& tensor) {
    LinearSpec spec;
    spec.name = module_of(tensor.name);
    spec.out = tensor.shape[0];
    spec.in = tensor.shape[1];
    return spec;
  }

  std::uint64_t output_bytes() const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const auto count = static_cast<std::uint64_t>(element_count(tensors_[i].shape));
      const bool packed = choices_[i].kind == ConvertChoice::Kind::kQuantize ||
                          choices_[i].kind == ConvertChoice::Kind::kCodes;
      total += packed ? count + count / kMxBlock : count * dtype_size(tensors_[i].dtype);
    }
    return total;
  }

  std::unique_ptr<Saver> make_saver(const std::string& folder) const {
    const std::uint64_t part = kGiB * static_cast<std::uint64_t>(job_.plan.part_file_size);
    // Without codes of its own this is the plain layout of Hugging Face.
    if (!job_.plan.ascendv1)
      return std::make_unique<CompressedTensorsSaver>(folder, part, DType::kBF16);
    AscendV1Options options;
    options.part_bytes = part;
    return std::make_unique<AscendV1Saver>(folder, options);
  }

  void write_all(Saver& saver) {
    constexpr std::size_t kSteps = 20;
    Progress progress("convert", kSteps, 0, job_.quiet);
    std::size_t step = kSteps;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      check_interrupted();
      if (const std::size_t now = i * kSteps / tensors_.size(); now != step)
        progress.at(static_cast<std::int64_t>(step = now), "tensors");
      if (biases_.count(tensors_[i].name) == 0) write(tensors_[i], choices_[i], saver);
      const bool last =
          i + 1 == tensors_.size() || tensors_[i + 1].origin() != tensors_[i].origin();
      if (last)
        for (const auto& band : tensors_[i].bands)
          for (const TensorPart& part : band) checkpoint_.dont_need(part.origin);
    }
  }

  void write(const ConvertTensor& tensor, const ConvertChoice& choice, Saver& saver) {
    if (choice.kind == ConvertChoice::Kind::kQuantize) {
      saver.write(quantized(tensor, choice.type));
    } else if (choice.kind == ConvertChoice::Kind::kCodes) {
      write_codes(tensor, saver);
    } else {
      Tensor owned;
      saver.copy(tensor.name, read_whole(checkpoint_, tensor, owned));
    }
  }

  QuantizedLinear quantized(const ConvertTensor& tensor, LinearType type) const {
    QuantizedLinear linear;
    linear.spec = linear_of(tensor);
    linear.type = type;
    Tensor values = Tensor::uninitialized(DType::kF32, tensor.shape);
    read_values(checkpoint_, tensor, values.as<float>());
    quantize_float_weight(WeightConfig{}, WeightRows(values.view()), linear);
    if (const auto bias = places_.find(linear.spec.name + ".bias"); bias != places_.end()) {
      const ConvertTensor& found = tensors_[bias->second];
      linear.bias.resize(static_cast<std::size_t>(element_count(found.shape)));
      read_values(checkpoint_, found, linear.bias.data());
    }
    return linear;
  }

  // The files' own tensors of a linear: codes, scales, and what else has its name.
  void write_codes(const ConvertTensor& tensor, Saver& saver) const {
    const std::string old_module = module_of(tensor.origin());
    std::set<std::string> names;
    for (const std::string& part : checkpoint_.parts(tensor.origin())) names.insert(part);
    for (auto it = std::lower_bound(hidden().begin(), hidden().end(), old_module + ".");
         it != hidden().end() && it->starts_with(old_module + "."); ++it)
      names.insert(*it);
    for (const std::string& name : names) {
      const std::string suffix = name.substr(old_module.size());
      saver.copy(module_of(tensor.name) + suffix, files_.at(name));
    }
  }

  // Tensors of the files that the reader does not show, sorted.
  const std::vector<std::string>& hidden() const {
    if (!hidden_.empty()) return hidden_;
    const std::set<std::string> shown(checkpoint_.names().begin(), checkpoint_.names().end());
    for (const std::string& name : files_.names())
      if (shown.count(name) == 0) hidden_.push_back(name);
    std::sort(hidden_.begin(), hidden_.end());
    return hidden_;
  }

  // Linears that were converted are no longer what `quantization_config` says.
  void keep_quantization_config(const std::string& path) const {
    Json config = read_json_file(path);
    const auto keep = [&](const Json& from, Json& to) {
      if (!from.contains("quantization_config")) return;
      Json kept = from.at("quantization_config");
      const bool compressed = kept.value("quant_method", "") == "compressed-tensors";
      Json& ignored = kept[compressed ? "ignore" : "modules_to_not_convert"];
      if (!ignored.is_array()) ignored = Json::array();
      for (const std::string& name : converted_) ignored.push_back(name);
      to["quantization_config"] = std::move(kept);
    };
    keep(config_, config);
    for (auto& [key, value] : config.items())
      if (value.is_object() && config_.contains(key) && config_.at(key).is_object())
        keep(config_.at(key), value);
    write_file_atomic(path, dump_json_python(config, 2));
  }

  void check(const std::string& folder, const Saver& saver) const {
    require_sound(folder, job_.plan.ascendv1
                              ? saver.problems(linears_, true)
                              : find_changed_tensors(CheckpointReader(folder), saver.written()));
  }

  const ConvertJob& job_;
  CheckpointReader checkpoint_;
  CheckpointReader files_;  // the same without decoding
  Json config_;
  std::vector<ConvertTensor> tensors_;
  std::vector<ConvertChoice> choices_;  // of each of them
  std::map<std::string, std::size_t> places_;
  std::set<std::string> biases_;  // written with their linears
  std::vector<std::string> converted_;
  ModelSpec linears_;  // the quantized ones, for the check of the folder
  bool passes_codes_ = false;
  mutable std::vector<std::string> hidden_;
  ConvertSummary summary_;
};

}  // namespace

ConvertSummary plan_conversion(const ConvertJob& job) { return Conversion(job).take(); }

ConvertSummary convert_model(const ConvertJob& job) {
  Conversion conversion(job);
  conversion.run();
  return conversion.take();
}

}  // namespace msmodelslim

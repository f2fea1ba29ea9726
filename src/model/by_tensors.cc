#include "model/by_tensors.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr std::array<const char*, 12> kTowers = {
    "visual",      "vision_tower",  "vision_model", "vision_encoder", "image_encoder", "vit",
    "audio_tower", "audio_encoder", "audio_model",  "speech_encoder", "video_encoder", "talker"};
constexpr std::array<const char*, 6> kEnds = {"wte",     "wpe",  "word_embeddings",
                                              "lm_head", "head", "output_layer"};
constexpr std::array<const char*, 5> kRouters = {"gate", "wg", "classifier", "shared_expert_gate",
                                                 "shared_gate"};
constexpr std::array<const char*, 6> kFragments = {"embed", "norm", "router",
                                                   "conv",  "lora", "rotary"};

template <typename List>
bool holds(const List& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words(1);
  for (char c : name) {
    if (c == '.')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

bool is_number(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return c >= '0' && c <= '9'; });
}

bool is_quantizable(const std::string& linear, const Shape& shape) {
  constexpr std::int64_t kSmallest = 16;  // gates with few outputs stay
  if (shape.size() != 2 || shape[0] < kSmallest || shape[1] < kSmallest) return false;
  const std::vector<std::string> words = words_of(linear);
  bool numbered = false;
  for (const std::string& word : words) {
    numbered = numbered || is_number(word);
    if (holds(kTowers, word) || holds(kEnds, word)) return false;
  }
  const std::string& last = words.back();
  return numbered && !holds(kRouters, last) &&
         std::none_of(kFragments.begin(), kFragments.end(), [&](const char* fragment) {
           return last.find(fragment) != std::string::npos;
         });
}

}  // namespace

ModelSpec spec_by_tensors(const ModelConfig& config, const CheckpointReader& checkpoint,
                          const std::string& obstacle) {
  constexpr std::string_view kWeight = ".weight";
  ModelSpec spec;
  spec.model_type = config.text_or("model_type", "");
  spec.architecture = config.architecture();
  spec.obstacle = obstacle;
  std::map<DType, std::int64_t> dtypes;
  for (const std::string& name : checkpoint.names()) {
    if (!name.ends_with(kWeight)) continue;
    const WeightSource source = checkpoint.source(name);
    const std::string linear = name.substr(0, name.size() - kWeight.size());
    if (!is_float(source.dtype()) || !is_quantizable(linear, source.shape())) continue;
    spec.loose.push_back({linear, source.shape()[1], source.shape()[0],
                          checkpoint.has(linear + ".bias"), Role::kUnknown, ""});
    ++dtypes[source.dtype()];
  }
  if (spec.loose.empty())
    throw DataError(obstacle + "; and no tensor looks like the weight of a linear in a layer",
                    "give the folder that holds the weights of the model");
  spec.dtype = std::max_element(dtypes.begin(), dtypes.end(), [](const auto& a, const auto& b) {
                 return a.second < b.second;
               })->first;
  return spec;
}

}  // namespace msmodelslim

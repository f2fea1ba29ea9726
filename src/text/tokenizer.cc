#include "text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "text/bpe_model.h"
#include "text/spm_proto.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

namespace msmodelslim {

struct Tokenizer::State : TokenizerParts {
  explicit State(TokenizerParts made) : TokenizerParts(std::move(made)) {}

  TokenizerConfig config;

  void encode_raw(std::string_view text, bool at_start, WordCache& cache,
                  std::vector<std::int32_t>& ids) const;
  void encode_normalized(std::string_view text, bool at_start, WordCache& cache,
                         std::vector<std::int32_t>& ids) const;
  void use_config();
};

// Text between added tokens that are found before normalization.
void Tokenizer::State::encode_raw(std::string_view text, bool at_start, WordCache& cache,
                                  std::vector<std::int32_t>& ids) const {
  const Normalizer* rule =
      at_start || inner_normalizer == nullptr ? normalizer.get() : inner_normalizer.get();
  const std::string normalized = rule ? rule->apply(std::string(text)) : std::string(text);
  for (const Segment& segment : added.split_normalized(normalized)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      encode_normalized(
          std::string_view(normalized).substr(segment.begin, segment.end - segment.begin),
          at_start && segment.begin == 0, cache, ids);
    }
  }
}

void Tokenizer::State::encode_normalized(std::string_view text, bool at_start, WordCache& cache,
                                         std::vector<std::int32_t>& ids) const {
  if (text.empty()) return;
  if (!pre_tokenizer) return model->encode(text, cache, ids);
  WordList list{std::string(text), {{0, text.size()}}, at_start};
  pre_tokenizer->apply(list);
  for (const WordList::Word& word : list.words) model->encode(list.view(word), cache, ids);
}

// Transformers' rule for some classes; see TokenizerConfig.
void Tokenizer::State::use_config() {
  if (!config.overrides_post_processor()) return;
  const auto set = [&](const std::optional<bool>& wanted, const std::optional<std::string>& token,
                       std::vector<std::int32_t>& ids) {
    if (!wanted) return;
    ids.clear();
    if (!*wanted || !token) return;
    auto id = added.find_content(*token);
    if (!id) id = model->vocabulary().find(*token);
    if (id) ids.push_back(*id);
  };
  set(config.add_bos_token, config.bos_token, post.prefix);
  set(config.add_eos_token, config.eos_token, post.suffix);
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

TokenizerParts parts_of_json(std::string_view tokenizer_json, const std::string& where) {
  TokenizerJson json = parse_tokenizer_json(tokenizer_json, where);
  const Component file(json.fields, where);
  const auto part = [&](const char* key) {
    return Component(*file.find(key), fmt::format("{}: {}", where, key));
  };
  if (file.find("model") == nullptr) file.fail("the field \"model\" is missing");
  const Component model = part("model");
  if (model.type().empty() && json.merges.size() == 0) model.unsupported("a model without a type");
  TokenizerParts parts;
  parts.model = std::make_unique<BpeModel>(model, std::move(json.vocabulary), json.merges);
  if (file.find("normalizer") != nullptr) parts.normalizer = make_normalizer(part("normalizer"));
  if (file.find("pre_tokenizer") != nullptr)
    parts.pre_tokenizer = make_pre_tokenizer(part("pre_tokenizer"));
  if (file.find("post_processor") != nullptr)
    parts.post = make_post_processor(part("post_processor"));
  if (file.find("decoder") != nullptr) parts.decoder = make_token_decoder(part("decoder"));
  if (file.find("added_tokens") != nullptr)
    parts.added =
        AddedTokens(file.list("added_tokens"), parts.model->vocabulary(), parts.normalizer.get());
  return parts;
}

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, const std::string& where) {
  return Tokenizer(std::make_shared<State>(parts_of_json(tokenizer_json, where)));
}

Tokenizer Tokenizer::load(const std::string& model_folder) {
  std::error_code ec;
  if (!fs::is_directory(model_folder, ec))
    throw DataError(fmt::format("{}: there is no such folder", model_folder),
                    "check the path; a model is a folder with config.json and *.safetensors");
  const std::string path = find_tokenizer_file(model_folder);
  if (path.empty())
    throw DataError(fmt::format("{}: the model folder has no tokenizer: no tokenizer.json, "
                                "tokenizer.model or *.tiktoken",
                                model_folder),
                    "fetch the file of the model, or give token ids (input_ids) instead of text");
  const std::string text = read_file(path, 1ULL << 30);
  TokenizerConfig config = read_tokenizer_config(model_folder);
  const bool json = path.ends_with(".json");
  TokenizerParts parts;
  if (json) {
    parts = parts_of_json(text, path);
  } else if (is_spm_model(text)) {
    parts = parts_of_spm(text, config, path);
  } else {
    parts = parts_of_tiktoken(text, config, path);
  }
  auto state = std::make_shared<State>(std::move(parts));
  state->config = std::move(config);
  if (json) state->use_config();
  return Tokenizer(std::move(state));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / 2)
    throw DataError(fmt::format("a text of {} bytes is too long to tokenize at once", text.size()),
                    "give it in shorter samples");
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = to_valid_utf8(text);
    text = repaired;
  }
  const State& state = *state_;
  std::vector<std::int32_t> ids;
  if (add_special_tokens) ids = state.post.prefix;
  WordCache cache(text.size());
  for (const Segment& segment : state.added.split_raw(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      state.encode_raw(text.substr(segment.begin, segment.end - segment.begin), segment.begin == 0,
                       cache, ids);
    }
  }
  if (add_special_tokens) ids.insert(ids.end(), state.post.suffix.begin(), state.post.suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  const State& state = *state_;
  std::vector<std::string> parts;
  for (const std::int32_t id : ids) {
    if (const AddedToken* token = state.added.find_id(id)) {
      if (!(skip_special_tokens && token->special)) parts.push_back(token->form);
    } else if (state.model->vocabulary().has_id(id)) {
      parts.emplace_back(state.model->vocabulary().token(id));
    }
  }
  if (!state.decoder) return join_parts(parts, " ");
  state.decoder->apply(parts);
  return join_parts(parts, "");
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = state_->added.find_content(std::string(token))) return id;
  return state_->model->vocabulary().find(token);
}

std::string Tokenizer::id_to_token(std::int32_t id) const {
  if (const AddedToken* token = state_->added.find_id(id)) return token->content;
  const Vocabulary& vocabulary = state_->model->vocabulary();
  return vocabulary.has_id(id) ? std::string(vocabulary.token(id)) : std::string();
}

std::int64_t Tokenizer::vocab_size() const {
  return std::max(state_->model->vocabulary().id_end(), state_->added.id_end());
}

std::vector<std::int32_t> Tokenizer::special_ids() const { return state_->added.special_ids(); }

std::optional<std::int32_t> Tokenizer::bos_id() const {
  return config().bos_token ? token_to_id(*config().bos_token) : std::nullopt;
}

std::optional<std::int32_t> Tokenizer::eos_id() const {
  return config().eos_token ? token_to_id(*config().eos_token) : std::nullopt;
}

const TokenizerConfig& Tokenizer::config() const { return state_->config; }

}  // namespace msmodelslim

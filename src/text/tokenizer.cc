#include "text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "text/added_tokens.h"
#include "text/bpe_model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace msmodelslim {

struct Tokenizer::State {
  State(const Component& model, Vocabulary vocabulary, const MergeList& merges)
      : bpe(model, std::move(vocabulary), merges) {}

  BpeModel bpe;
  AddedTokens added;
  std::unique_ptr<const Normalizer> normalizer;       // may be null
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<const TokenDecoder> decoder;        // may be null
  PostProcessor post;
  TokenizerConfig config;

  void encode_raw(std::string_view text, bool at_start, WordCache& cache,
                  std::vector<std::int32_t>& ids) const;
  void encode_normalized(std::string_view text, bool at_start, WordCache& cache,
                         std::vector<std::int32_t>& ids) const;
  void use_config(TokenizerConfig folder_config);
};

// Text between added tokens that are found before normalization.
void Tokenizer::State::encode_raw(std::string_view text, bool at_start, WordCache& cache,
                                  std::vector<std::int32_t>& ids) const {
  const std::string normalized =
      normalizer ? normalizer->apply(std::string(text)) : std::string(text);
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
  if (!pre_tokenizer) return bpe.encode(text, cache, ids);
  WordList list{std::string(text), {{0, text.size()}}, at_start};
  pre_tokenizer->apply(list);
  for (const WordList::Word& word : list.words) bpe.encode(list.view(word), cache, ids);
}

void Tokenizer::State::use_config(TokenizerConfig folder_config) {
  config = std::move(folder_config);
  if (!config.overrides_post_processor()) return;
  const auto set = [&](const std::optional<bool>& wanted, const std::optional<std::string>& token,
                       std::vector<std::int32_t>& ids) {
    if (!wanted) return;
    ids.clear();
    if (!*wanted || !token) return;
    auto id = added.find_content(*token);
    if (!id) id = bpe.vocabulary().find(*token);
    if (id) ids.push_back(*id);
  };
  set(config.add_bos_token, config.bos_token, post.prefix);
  set(config.add_eos_token, config.eos_token, post.suffix);
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

std::shared_ptr<Tokenizer::State> Tokenizer::read_state(std::string_view tokenizer_json,
                                                        const std::string& where) {
  TokenizerJson json = parse_tokenizer_json(tokenizer_json, where);
  const Component file(json.fields, where);
  const auto part = [&](const char* key) {
    return Component(*file.find(key), fmt::format("{}: {}", where, key));
  };
  if (file.find("model") == nullptr) file.fail("the field \"model\" is missing");
  const Component model = part("model");
  if (model.type().empty() && json.merges.size() == 0) model.unsupported("a model without a type");
  auto state = std::make_shared<State>(model, std::move(json.vocabulary), json.merges);
  if (file.find("normalizer") != nullptr) state->normalizer = make_normalizer(part("normalizer"));
  if (file.find("pre_tokenizer") != nullptr)
    state->pre_tokenizer = make_pre_tokenizer(part("pre_tokenizer"));
  if (file.find("post_processor") != nullptr)
    state->post = make_post_processor(part("post_processor"));
  if (file.find("decoder") != nullptr) state->decoder = make_token_decoder(part("decoder"));
  if (file.find("added_tokens") != nullptr)
    state->added =
        AddedTokens(file.list("added_tokens"), state->bpe.vocabulary(), state->normalizer.get());
  return state;
}

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, const std::string& where) {
  return Tokenizer(read_state(tokenizer_json, where));
}

Tokenizer Tokenizer::load(const std::string& model_folder) {
  const fs::path path = fs::path(model_folder) / "tokenizer.json";
  std::error_code ec;
  if (!fs::is_directory(model_folder, ec))
    throw DataError(fmt::format("{}: there is no such folder", model_folder),
                    "check the path; a model is a folder with config.json and *.safetensors");
  if (!fs::exists(path, ec))
    throw DataError(fmt::format("{}: the model folder has no tokenizer.json", model_folder),
                    "write it with AutoTokenizer.from_pretrained(folder).save_pretrained(folder), "
                    "or give token ids (input_ids) instead of text");
  auto state = read_state(read_file(path.string(), 1ULL << 30), path.string());
  state->use_config(read_tokenizer_config(model_folder));
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
    } else if (state.bpe.vocabulary().has_id(id)) {
      parts.emplace_back(state.bpe.vocabulary().token(id));
    }
  }
  if (!state.decoder) return join_parts(parts, " ");
  state.decoder->apply(parts);
  return join_parts(parts, "");
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = state_->added.find_content(std::string(token))) return id;
  return state_->bpe.vocabulary().find(token);
}

std::string Tokenizer::id_to_token(std::int32_t id) const {
  if (const AddedToken* token = state_->added.find_id(id)) return token->content;
  const Vocabulary& vocabulary = state_->bpe.vocabulary();
  return vocabulary.has_id(id) ? std::string(vocabulary.token(id)) : std::string();
}

std::int64_t Tokenizer::vocab_size() const {
  return std::max(state_->bpe.vocabulary().id_end(), state_->added.id_end());
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

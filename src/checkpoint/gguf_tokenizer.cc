#include "checkpoint/gguf_tokenizer.h"

#include <unordered_set>

#include "base/error.h"
#include "checkpoint/gguf_pre.h"
#include "text/score_merges.h"
#include "text/tokenizer_parts.h"

namespace msmodelslim {
namespace {

constexpr char kSpace[] = "\xe2\x96\x81";  // U+2581, SentencePiece's blank

Json added_token(const GgufVocab& vocab, std::size_t id) {
  return {{"id", id},
          {"content", vocab.tokens[id]},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", is_special_token(vocab, id)}};
}

Json vocabulary(const GgufVocab& vocab) {
  Json map = Json::object();
  auto& entries = map.get_ref<Json::object_t&>();
  entries.reserve(vocab.model_size);
  for (std::size_t i = 0; i < vocab.model_size; ++i)  // unique: checked when read
    entries.Container::emplace_back(std::string(vocab.tokens[i]), Json(i));
  return map;
}

// "left right" texts, as they are stored; both parts and the result must be tokens.
Json stored_merges(const GgufVocab& vocab) {
  const std::unordered_set<std::string_view> known(
      vocab.tokens.begin(), vocab.tokens.begin() + static_cast<std::ptrdiff_t>(vocab.model_size));
  Json list = Json::array();
  for (std::size_t i = 0; i < vocab.merges.size(); ++i) {
    const std::string_view merge = vocab.merges[i];
    const std::size_t blank = merge.find(' ', 1);
    const bool two = blank != std::string_view::npos && blank + 1 < merge.size() &&
                     merge.find(' ', blank + 1) == std::string_view::npos;
    const std::string_view left = merge.substr(0, two ? blank : 0);
    const std::string_view right = two ? merge.substr(blank + 1) : std::string_view();
    if (!two || known.count(left) == 0 || known.count(right) == 0 ||
        known.count(std::string(left) + std::string(right)) == 0)
      throw DataError(fmt::format("{}: merge {} \"{}\" does not join two tokens to a third",
                                  vocab.where, i, merge),
                      "the file was made by a broken converter; get a newer GGUF");
    list.push_back(merge);
  }
  return list;
}

// In the order of transformers' SentencePiece converter when it made the published tokenizer.json
// files.
Json scored_merges(const GgufVocab& vocab) {
  const std::vector<std::uint32_t> ranks =
      ranks_of_scores(std::span(vocab.scores).first(vocab.model_size));
  std::vector<MergePiece> pieces;
  for (std::size_t i = 0; i < vocab.model_size; ++i)
    pieces.push_back({vocab.tokens[i], ranks[i], vocab.types[i] == GgufTokenType::kNormal});
  Json list = Json::array();
  for (const PieceMerge& merge : merges_from_ranks(pieces))  // pairs: a token may hold a blank
    list.push_back(Json::array({pieces[merge.left].text, pieces[merge.right].text}));
  return list;
}

// bos and eos around the text, as tokenizer.ggml.add_*_token ask; null when there is nothing to
// add.
Json template_processing(const GgufVocab& vocab) {
  if (!vocab.add_bos && !vocab.add_eos) return nullptr;
  Json special = Json::object();
  const auto piece = [&](std::int64_t id, int type) -> Json {
    const std::string text = vocab.token(id);
    special[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    return {{"SpecialToken", {{"id", text}, {"type_id", type}}}};
  };
  const auto sequence = [&](Json& list, const char* name, int type) {
    if (vocab.add_bos) list.push_back(piece(*vocab.bos, type));
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    if (vocab.add_eos) list.push_back(piece(*vocab.eos, type));
  };
  Json single = Json::array();
  Json pair = Json::array();
  sequence(single, "A", 0);
  sequence(pair, "A", 0);
  sequence(pair, "B", 1);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", special}};
}

Json byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

void fill_byte_level(const GgufVocab& vocab, Json& root) {
  const GgufPreTokenizer& pre = find_gguf_pre(vocab.pre, vocab.where);
  root["normalizer"] = pre.nfc ? Json{{"type", "NFC"}} : Json();
  root["pre_tokenizer"] = pre_tokenizer_json(pre);
  const Json offsets = byte_level(!pre.nfc, false, pre.byte_level_regex);
  const Json ends = template_processing(vocab);
  root["post_processor"] =
      ends.is_null() ? offsets : Json{{"type", "Sequence"}, {"processors", {offsets, ends}}};
  root["decoder"] = byte_level(!pre.nfc, !pre.nfc, !pre.nfc);
  root["model"] = bpe_json(nullptr, /*byte_fallback=*/false, pre.ignore_merges);
  root["model"]["vocab"] = vocabulary(vocab);
  root["model"]["merges"] = stored_merges(vocab);
}

void fill_sentence_piece(const GgufVocab& vocab, Json& root) {
  const Json blanks = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}};
  Json normalizers = Json::array();
  if (vocab.add_space_prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  normalizers.push_back(blanks);
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  root["pre_tokenizer"] = nullptr;
  root["post_processor"] = template_processing(vocab);
  root["decoder"] = spm_decoder_json(std::int64_t{vocab.add_space_prefix});
  root["model"] = bpe_json(vocab.unk ? Json(vocab.token(vocab.unk)) : Json(),
                           /*byte_fallback=*/true, /*ignore_merges=*/false);
  root["model"]["vocab"] = vocabulary(vocab);
  root["model"]["merges"] = scored_merges(vocab);
}

}  // namespace

Json gguf_tokenizer_json(const GgufVocab& vocab) {
  Json root;
  root["version"] = "1.0";
  root["truncation"] = nullptr;
  root["padding"] = nullptr;
  Json added = Json::array();
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i)
    if (is_added_token(vocab, i)) added.push_back(added_token(vocab, i));
  root["added_tokens"] = std::move(added);
  if (vocab.model == "gpt2")
    fill_byte_level(vocab, root);
  else
    fill_sentence_piece(vocab, root);
  return root;
}

Json gguf_tokenizer_config(const GgufVocab& vocab, const GgufMetadata& metadata,
                           std::int64_t context) {
  const bool byte_level_bpe = vocab.model == "gpt2";
  const GgufPreTokenizer* pre = byte_level_bpe ? &find_gguf_pre(vocab.pre, vocab.where) : nullptr;
  const auto text = [&](std::optional<std::int64_t> id) {
    return id ? Json(vocab.token(id)) : Json();
  };
  Json decoder = Json::object();
  Json additional = Json::array();
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    if (!is_added_token(vocab, i)) continue;
    Json token = added_token(vocab, i);
    token.erase("id");
    decoder[std::to_string(i)] = std::move(token);
    const auto id = static_cast<std::int64_t>(i);
    if (is_special_token(vocab, i) && id != vocab.eos && id != vocab.pad && id != vocab.unk)
      additional.push_back(vocab.tokens[i]);
  }
  Json config;
  config["add_bos_token"] = vocab.add_bos;
  config["add_eos_token"] = vocab.add_eos;
  if (byte_level_bpe) config["add_prefix_space"] = false;
  config["added_tokens_decoder"] = std::move(decoder);
  config["additional_special_tokens"] = std::move(additional);
  config["bos_token"] = pre != nullptr && !pre->has_bos ? Json() : text(vocab.bos);
  if (metadata.has("tokenizer.chat_template"))
    config["chat_template"] = metadata.need_string("tokenizer.chat_template");
  config["clean_up_tokenization_spaces"] = false;
  config["eos_token"] = text(vocab.eos);
  config["model_max_length"] = context;
  config["pad_token"] = text(vocab.pad);
  config["split_special_tokens"] = false;
  config["tokenizer_class"] = pre != nullptr ? pre->tokenizer_class : "PreTrainedTokenizerFast";
  config["unk_token"] = pre != nullptr && !pre->has_bos ? Json() : text(vocab.unk);
  return config;
}

}  // namespace msmodelslim

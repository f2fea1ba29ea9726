// A tokenizer out of a SentencePiece model. Text between special tokens (control pieces and what
// the folder's files list) goes through SentencePiece's normalization and model, each part by
// itself, as transformers' slow tokenizers do it.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "text/bpe_model.h"
#include "text/score_merges.h"
#include "text/spm_normalizer.h"
#include "text/spm_proto.h"
#include "text/tokenizer_parts.h"
#include "text/unigram_model.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "the file is damaged; download tokenizer.model again";

Vocabulary vocabulary_of(const SpmModel& model, const std::string& where) {
  Vocabulary vocabulary;
  for (std::size_t i = 0; i < model.pieces.size(); ++i)
    vocabulary.add(model.pieces[i].text, static_cast<std::int32_t>(i));
  if (const auto repeated = vocabulary.index())
    throw DataError(fmt::format("{}: the piece \"{}\" appears twice", where, *repeated), kRemedy);
  return vocabulary;
}

void check(const SpmModel& model, const std::string& where) {
  if (!model.has(model.unk_id))
    throw DataError(fmt::format("{}: the model has no unknown piece", where), kRemedy);
  const bool normal = std::any_of(model.pieces.begin(), model.pieces.end(),
                                  [](const SpmPiece& p) { return p.type == PieceType::kNormal; });
  if (!normal) throw DataError(fmt::format("{}: the model has no normal pieces", where), kRemedy);
}

MergeList merges_of(const SpmModel& model) {
  std::vector<float> scores;
  for (const SpmPiece& piece : model.pieces) scores.push_back(piece.score);
  const std::vector<std::uint32_t> ranks = ranks_of_scores(scores);
  std::vector<MergePiece> pieces;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const PieceType type = model.pieces[i].type;
    const bool merges_on = type == PieceType::kNormal || type == PieceType::kUnused;
    pieces.push_back({model.pieces[i].text, ranks[i], merges_on, merges_on});
  }
  MergeList merges;
  for (const PieceMerge& merge : merges_from_ranks(pieces)) {
    merges.add(pieces[merge.left].text);
    merges.add(pieces[merge.right].text);
    merges.ranks.push_back(pieces[merge.piece].rank);
  }
  return merges;
}

// By id; empty for none.
std::vector<bool> unused_of(const SpmModel& model) {
  std::vector<bool> unused;
  for (const SpmPiece& piece : model.pieces) unused.push_back(piece.type == PieceType::kUnused);
  if (std::find(unused.begin(), unused.end(), true) == unused.end()) unused.clear();
  return unused;
}

std::unique_ptr<const TokenModel> model_of(const SpmModel& model, const std::string& where) {
  Vocabulary vocabulary = vocabulary_of(model, where);
  if (model.kind == SpmModel::Kind::kUnigram)
    return std::make_unique<UnigramModel>(model, std::move(vocabulary));
  const Json fields =
      bpe_json(std::string(model.pieces[static_cast<std::size_t>(model.unk_id)].text),
               model.byte_fallback, /*ignore_merges=*/false);
  return std::make_unique<BpeModel>(Component(fields, where), std::move(vocabulary),
                                    merges_of(model), unused_of(model));
}

// Control pieces in the text itself; user-defined ones in the normalized text of a BPE model.
std::vector<AddedToken> tokens_of(const SpmModel& model) {
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const PieceType type = model.pieces[i].type;
    AddedToken token;
    token.id = static_cast<std::int32_t>(i);
    token.content = token.form = model.pieces[i].text;
    token.special = type == PieceType::kControl || type == PieceType::kUnknown;
    token.normalized = type == PieceType::kUserDefined && model.kind == SpmModel::Kind::kBpe;
    if (token.special || token.normalized) tokens.push_back(std::move(token));
  }
  return tokens;
}

std::shared_ptr<const SpmRules> rules_of(const SpmModel& model, const std::string& where) {
  auto rules = std::make_shared<SpmRules>();
  rules->charsmap = Charsmap(model.charsmap, where);
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].type != PieceType::kUserDefined) continue;
    AddedToken token;
    token.id = static_cast<std::int32_t>(i);
    token.form = model.pieces[i].text;
    rules->user_defined.add(token);
  }
  rules->user_defined.index();
  rules->dummy_prefix = model.dummy_prefix;
  rules->remove_extra_whitespaces = model.remove_extra_whitespaces;
  rules->escape_whitespaces = model.escape_whitespaces;
  rules->whitespace_as_suffix = model.whitespace_as_suffix;
  return rules;
}

// ChatGLM2 and 3 give these tokens the ids behind the pieces, in code.
void add_chatglm_tokens(std::int64_t next_id, std::vector<AddedToken>& tokens) {
  for (const char* name : {"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop", "<|system|>", "<|user|>",
                           "<|assistant|>", "<|observation|>"}) {
    AddedToken token;
    token.id = static_cast<std::int32_t>(next_id++);
    token.content = token.form = name;
    token.special = true;
    tokens.push_back(std::move(token));
  }
}

PostProcessor ends_of(const SpmModel& model, const TokenizerConfig& config,
                      const TokenizerParts& parts) {
  PostProcessor post;
  const auto add = [&](const std::optional<std::string>& token, std::int64_t standard,
                       std::vector<std::int32_t>& ids) {
    std::optional<std::int32_t> id;
    if (token) id = parts.added.find_content(*token);
    if (token && !id) id = parts.model->vocabulary().find(*token);
    if (!token && model.has(standard)) id = static_cast<std::int32_t>(standard);
    if (id) ids.push_back(*id);
  };
  if (config.tokenizer_class == "ChatGLMTokenizer") {
    add("[gMASK]", -1, post.prefix);
    add("sop", -1, post.prefix);
    return post;
  }
  if (config.add_bos_token.value_or(true)) add(config.bos_token, model.bos_id, post.prefix);
  if (config.add_eos_token.value_or(false)) add(config.eos_token, model.eos_id, post.suffix);
  return post;
}

}  // namespace

Json spm_decoder_json(std::int64_t leading_blanks) {
  Json decoders = Json::array();
  decoders.push_back(
      {{"type", "Replace"}, {"pattern", {{"String", "\xe2\x96\x81"}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (leading_blanks > 0)
    decoders.push_back(
        {{"type", "Strip"}, {"content", " "}, {"start", leading_blanks}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", decoders}};
}

TokenizerParts parts_of_spm(std::string_view bytes, const TokenizerConfig& config,
                            const std::string& where) {
  const SpmModel model = read_spm_model(bytes, where);
  check(model, where);
  TokenizerParts parts;
  parts.model = model_of(model, where);
  std::vector<AddedToken> tokens = tokens_of(model);
  auto next_id = static_cast<std::int64_t>(model.pieces.size());
  if (config.tokenizer_class == "ChatGLMTokenizer") add_chatglm_tokens(next_id, tokens);
  for (const AddedToken& token : tokens) next_id = std::max<std::int64_t>(next_id, token.id + 1);
  add_config_tokens(config, parts.model->vocabulary(), next_id, tokens);
  parts.added = AddedTokens(tokens);
  const auto rules = rules_of(model, where);
  parts.normalizer = std::make_unique<SpmNormalizer>(rules, /*at_start=*/true);
  if (!config.legacy) parts.inner_normalizer = std::make_unique<SpmNormalizer>(rules, false);
  constexpr std::int64_t kAll = std::numeric_limits<std::int32_t>::max();
  const Json decoder =
      spm_decoder_json(model.remove_extra_whitespaces ? kAll : std::int64_t{model.dummy_prefix});
  parts.decoder = make_token_decoder(Component(decoder, where));
  parts.post = ends_of(model, config, parts);
  return parts;
}

}  // namespace msmodelslim

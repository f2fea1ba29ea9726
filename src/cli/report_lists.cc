#include "cli/report_lists.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kBefore = 24;  // tokens of context
constexpr std::int64_t kAfter = 8;

Json linear_json(const LinearNote& note) {
  Json json = {{"name", note.name}, {"type", note.type}, {"snr_db", nullptr}, {"cosine", nullptr}};
  if (note.error) {
    json["snr_db"] = note.error->snr_db;
    json["cosine"] = note.error->cosine;
  }
  return json;
}

Json joined_json(const std::string& name, const std::vector<const LinearNote*>& notes) {
  if (notes.size() == 1) return linear_json(*notes.front());
  Json json = linear_json({name, notes.front()->type, {}});
  json["linears"] = notes.size();
  double snr = 0;
  double cosine = 0;
  std::int64_t measured = 0;
  const LinearNote* least = nullptr;
  for (const LinearNote* note : notes) {
    if (!note->error) continue;
    ++measured;
    snr += note->error->snr_db;
    cosine += note->error->cosine;
    if (least == nullptr || note->error->snr_db < least->error->snr_db) least = note;
  }
  if (least == nullptr) return json;
  json["snr_db"] = snr / static_cast<double>(measured);
  json["cosine"] = cosine / static_cast<double>(measured);
  json["least_snr_db"] = least->error->snr_db;
  json["least"] = least->name;
  return json;
}

// `count` values, each the mean of `per_cell` experts.
Json cells(std::span<const std::int64_t> tokens, std::size_t per_cell) {
  Json json = Json::array();
  for (std::size_t begin = 0; begin < tokens.size(); begin += per_cell) {
    const auto cell = tokens.subspan(begin, std::min(per_cell, tokens.size() - begin));
    std::int64_t sum = 0;
    for (const std::int64_t value : cell) sum += value;
    const auto count = static_cast<std::int64_t>(cell.size());
    json.push_back((sum + count / 2) / count);
  }
  return json;
}

}  // namespace

Json linears_json(const std::vector<LinearNote>& notes) {
  Json linears = Json::array();
  if (notes.size() <= kMostLinears) {
    for (const LinearNote& note : notes) linears.push_back(linear_json(note));
    return linears;
  }
  using Key = std::pair<std::string, std::string>;  // joined name, type
  std::map<Key, std::vector<const LinearNote*>> groups;
  std::vector<Key> order;
  for (const LinearNote& note : notes) {
    const Key key = {without_expert(note.name), note.type};
    std::vector<const LinearNote*>& group = groups[key];
    if (group.empty()) order.push_back(key);
    group.push_back(&note);
  }
  for (const Key& key : order) linears.push_back(joined_json(key.first, groups.at(key)));
  return linears;
}

Json experts_json(const std::vector<std::int64_t>& tokens, const ModelSpec& model) {
  const std::size_t per_cell = (tokens.size() + kMostExpertCells - 1) / kMostExpertCells;
  Json experts = Json::array();
  std::span<const std::int64_t> left = tokens;
  for (const BlockSpec& block : model.blocks) {
    if (!block.moe || left.empty()) continue;
    const auto row = left.first(std::min(block.moe->experts.size(), left.size()));
    left = left.subspan(row.size());
    experts.push_back({{"layer", block.moe->name},
                       {"experts", row.size()},
                       {"per_cell", per_cell},
                       {"without", std::count(row.begin(), row.end(), 0)},
                       {"tokens", cells(row, per_cell)}});
  }
  return experts;
}

Json worst_json(const HeldOutProof& proof, const QuantJob& job) {
  std::optional<Tokenizer> tokenizer;
  if (!proof.worst.empty() && !find_tokenizer_file(job.model_path).empty())
    tokenizer = Tokenizer::load(job.model_path);
  Json worst = Json::array();
  for (const WorstPrediction& item : proof.worst) {
    const std::vector<std::int32_t>& ids = job.held_out[static_cast<std::size_t>(item.sequence)];
    const auto text = [&](std::int64_t begin, std::int64_t end) -> Json {
      if (!tokenizer) return nullptr;
      begin = std::max<std::int64_t>(begin, 0);
      end = std::min(end, static_cast<std::int64_t>(ids.size()));
      return tokenizer->decode(std::span(ids).subspan(static_cast<std::size_t>(begin),
                                                      static_cast<std::size_t>(end - begin)),
                               false);
    };
    const std::int64_t at = item.position;
    worst.push_back({{"sequence", item.sequence},
                     {"position", at},
                     {"kl", item.kl},
                     {"token", ids[static_cast<std::size_t>(at)]},
                     {"float_probability", item.float_probability},
                     {"probability", item.probability},
                     {"before", text(at - kBefore, at)},
                     {"text", text(at, at + 1)},
                     {"after", text(at + 1, at + 1 + kAfter)}});
  }
  return worst;
}

}  // namespace msmodelslim

#include "text/dataset.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kMaxBytes = 1ULL << 30;
constexpr std::array kTextKeys = {"inputs_pretokenized", "text", "prompt"};
constexpr const char* kFormatRemedy =
    "give strings, lists of strings or of token ids, or objects with \"inputs_pretokenized\", "
    "\"text\", \"prompt\", \"input_ids\" or \"tokens\"";

// `what` names the list in messages.
std::vector<std::int32_t> read_ids(const Json& ids, const std::string& what,
                                   const std::string& where) {
  const auto refuse = [&](const std::string& found) {
    throw DataError(fmt::format("{}: {} must be a list of token ids, found {}", where, what, found),
                    "write one sample as one flat list of integers >= 0");
  };
  if (!ids.is_array() || ids.empty()) refuse(ids.is_array() ? "an empty list" : ids.type_name());
  std::vector<std::int32_t> result;
  result.reserve(ids.size());
  for (const Json& id : ids) {
    if (!id.is_number_integer()) refuse(id.type_name());
    const bool fits = id.is_number_unsigned()
                          ? id.get<std::uint64_t>() <= std::numeric_limits<std::int32_t>::max()
                          : false;
    if (!fits) refuse(id.dump());
    result.push_back(id.get<std::int32_t>());
  }
  return result;
}

// Nothing when the value has none of the keys.
std::optional<CalibSample> read_sample(const Json& value, const std::string& where) {
  if (value.is_string()) return CalibSample{value.get<std::string>(), {}, where};
  if (value.is_array()) return CalibSample{"", read_ids(value, "a sample", where), where};
  if (!value.is_object())
    throw DataError(fmt::format("{}: a sample must be a string, a list of token ids or an object, "
                                "found {}",
                                where, value.type_name()),
                    kFormatRemedy);
  for (const char* key : kTextKeys) {
    const auto found = value.find(key);
    if (found == value.end()) continue;
    if (!found->is_string())
      throw DataError(
          fmt::format("{}: \"{}\" must be a string, found {}", where, key, found->type_name()),
          kFormatRemedy);
    return CalibSample{found->get<std::string>(), {}, where};
  }
  if (const auto found = value.find("input_ids"); found != value.end())
    return CalibSample{"", read_ids(*found, "\"input_ids\"", where), where};
  if (const auto found = value.find("tokens"); found != value.end() && found->is_array())
    return CalibSample{"", read_ids(*found, "\"tokens\"", where), where};
  if (value.contains("messages"))
    throw UsageError(fmt::format("{}: chat messages are not supported in calibration sets", where),
                     "apply the model's chat template yourself and give the result as \"text\"");
  return std::nullopt;
}

void require_samples(const std::vector<CalibSample>& samples, const std::string& where) {
  if (samples.empty())
    throw DataError(fmt::format("{}: the calibration set has no samples", where), kFormatRemedy);
  const bool ids = !samples[0].input_ids.empty();
  for (const CalibSample& sample : samples)
    if (ids == sample.input_ids.empty())
      throw DataError(fmt::format("{}: {} in a set that begins with {}", sample.where,
                                  ids ? "a text" : "token ids", ids ? "token ids" : "a text"),
                      "give all samples as text or all as token ids");
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

// The line as Python's text mode gives it: "\r\n" reads as "\n".
std::string raw_line(std::string_view line) {
  std::string text(line);
  if (text.ends_with("\r\n")) text.erase(text.size() - 2, 1);
  return text;
}

std::string_view without_bom(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

}  // namespace

std::vector<CalibSample> parse_calib_jsonl(std::string_view text, const std::string& where) {
  text = without_bom(text);
  std::vector<CalibSample> samples;
  std::int64_t raw_lines = 0;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.find('\n');
    const std::size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(length);
    if (is_blank(line)) continue;
    const std::string line_where = fmt::format("{}: line {}", where, number);
    if (auto sample = read_sample(parse_json(line, line_where), line_where)) {
      samples.push_back(std::move(*sample));
    } else {
      samples.push_back({raw_line(line), {}, line_where});
      ++raw_lines;
    }
  }
  if (raw_lines > 0)
    log_warning("text",
                "{}: {} lines have no \"inputs_pretokenized\", \"text\", \"prompt\", "
                "\"input_ids\" or \"tokens\"; the JSON text itself is used",
                where, raw_lines);
  require_samples(samples, where);
  return samples;
}

std::vector<CalibSample> parse_calib_json(std::string_view text, const std::string& where) {
  const Json list = parse_json(without_bom(text), where);
  if (!list.is_array())
    throw DataError(fmt::format("{}: expected a JSON list, found {}", where, list.type_name()),
                    kFormatRemedy);
  std::vector<CalibSample> samples;
  samples.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string element = fmt::format("{}: element {}", where, i);
    if (list[i].is_array() && !list[i].empty() && list[i][0].is_string()) {  // a batch
      for (std::size_t j = 0; j < list[i].size(); ++j) {
        const std::string where_in = fmt::format("{}, {}", element, j);
        if (!list[i][j].is_string())
          throw DataError(fmt::format("{}: a list that begins with a string must hold strings, "
                                      "found {}",
                                      where_in, list[i][j].type_name()),
                          kFormatRemedy);
        samples.push_back({list[i][j].get<std::string>(), {}, where_in});
      }
      continue;
    }
    auto sample = read_sample(list[i], element);
    if (!sample) throw DataError(fmt::format("{}: the object has no text", element), kFormatRemedy);
    samples.push_back(std::move(*sample));
  }
  require_samples(samples, where);
  return samples;
}

std::vector<CalibSample> cut_samples(const std::vector<CalibSample>& samples,
                                     std::int64_t characters) {
  std::vector<CalibSample> pieces;
  for (const CalibSample& sample : samples) {
    std::size_t begin = 0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < sample.text.size(); i += char_length(sample.text[i])) {
      if (count++ < characters) continue;
      pieces.push_back({sample.text.substr(begin, i - begin), {}, sample.where});
      begin = i;
      count = 1;
    }
    pieces.push_back({sample.text.substr(begin), sample.input_ids, sample.where});
  }
  return pieces;
}

std::vector<CalibSample> read_calib_set(const std::string& path) {
  const bool lines = path.ends_with(".jsonl");
  if (!lines && !path.ends_with(".json"))
    throw UsageError(fmt::format("{}: a calibration set is a .json or .jsonl file", path),
                     kFormatRemedy);
  std::error_code ec;
  if (!fs::is_regular_file(path, ec))
    throw DataError(fmt::format("{}: the calibration set is not a file", path),
                    "check the path; a name without folders means a set of the program");
  const std::string text = read_file(path, kMaxBytes);
  return lines ? parse_calib_jsonl(text, path) : parse_calib_json(text, path);
}

namespace {

std::string name_of(const CalibSample& sample, std::size_t index) {
  return sample.where.empty() ? fmt::format("calibration sample {}", index) : sample.where;
}

// `encode(text)` gives the ids of a sample that has none.
template <typename Encode>
std::vector<std::vector<std::int32_t>> limited_ids(const std::vector<CalibSample>& samples,
                                                   const CalibOptions& options,
                                                   const Encode& encode) {
  std::vector<std::vector<std::int32_t>> result;
  std::int64_t left = options.max_tokens.value_or(std::numeric_limits<std::int64_t>::max());
  for (std::size_t i = 0; i < samples.size() && left > 0; ++i) {
    if (options.max_samples && static_cast<std::int64_t>(i) >= *options.max_samples) break;
    std::vector<std::int32_t> ids = samples[i].input_ids;
    if (ids.empty()) ids = encode(samples[i].text);
    if (ids.empty()) {
      log_warning("text", "{} gives no tokens and is left out", name_of(samples[i], i));
      continue;
    }
    for (const std::int32_t id : ids)
      if (options.vocab_size && id >= *options.vocab_size)
        throw DataError(fmt::format("{}: token id {} is outside the model's vocabulary of {}",
                                    name_of(samples[i], i), id, *options.vocab_size),
                        "use a calibration set and a tokenizer made for this model");
    if (static_cast<std::int64_t>(ids.size()) > left) ids.resize(static_cast<std::size_t>(left));
    left -= static_cast<std::int64_t>(ids.size());
    result.push_back(std::move(ids));
  }
  if (result.empty())
    throw DataError("the calibration set tokenizes to nothing: no sample gives a token",
                    "give a set with text, and limits of at least one sample and one token");
  return result;
}

}  // namespace

std::vector<std::vector<std::int32_t>> tokenize_calib_set(const std::vector<CalibSample>& samples,
                                                          const Tokenizer& tokenizer,
                                                          const CalibOptions& options) {
  return limited_ids(samples, options, [&](const std::string& text) {
    return tokenizer.encode(text, /*add_special_tokens=*/true);
  });
}

bool holds_ids_only(const std::vector<CalibSample>& samples) {
  return std::none_of(samples.begin(), samples.end(),
                      [](const CalibSample& sample) { return sample.input_ids.empty(); });
}

std::vector<std::vector<std::int32_t>> ids_of_calib_set(const std::vector<CalibSample>& samples,
                                                        const CalibOptions& options) {
  return limited_ids(samples, options,
                     [](const std::string&) { return std::vector<std::int32_t>(); });
}

}  // namespace msmodelslim

#pragma once
// Calibration sets: a list of texts (or of token ids) in a .json or .jsonl file.
//
//   .json    one list; each element a string, a list of token ids, an object, or a list of strings
//            (a batch of the Python tool's scripts; here each string is a sample)
//   .jsonl   each line a string, a list of token ids or an object; blank lines are skipped
//
// An object gives its text under the first of these keys that it has: "inputs_pretokenized",
// "text", "prompt"; or a list of token ids, used as they are, under "input_ids" or "tokens". A line
// of a .jsonl file with none of them is itself the text, newline included, as msModelSlim reads it.
// The samples of a set are all texts or all token ids.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace msmodelslim {

struct CalibSample {
  std::string text;
  std::vector<std::int32_t> input_ids;  // when not empty, `text` is not used
  std::string where = {};               // file and line, for messages
};

struct CalibOptions {
  std::optional<std::int64_t> max_samples;  // the first ones are taken
  std::optional<std::int64_t> max_tokens;   // over all samples; the last sample is cut to fit
  std::optional<std::int64_t> vocab_size;   // rows of the embedding; larger ids are refused
};

// Path of the set `name`: a file as given, else one of the sets that come with the program, with or
// without suffix. The Python tool's spellings "lab_calib/X" and "example/common/X" find shipped
// sets too. Throws UsageError that lists the shipped sets.
std::string resolve_calib_path(const std::string& name);

// All samples in file order. Throws UsageError for a wrong suffix, DataError for bad content.
std::vector<CalibSample> read_calib_set(const std::string& path);

// The same from the text of a file; `where` names it in errors.
std::vector<CalibSample> parse_calib_jsonl(std::string_view text, const std::string& where);
std::vector<CalibSample> parse_calib_json(std::string_view text, const std::string& where);

// Texts as samples of at most so many characters; an empty text stays one sample.
std::vector<CalibSample> cut_samples(const std::vector<CalibSample>& samples,
                                     std::int64_t characters);

// Token ids of each sample, with the tokenizer's special tokens, not truncated. Samples that give
// no ids are left out with a warning. Throws DataError when nothing is left or an id is out of
// range.
std::vector<std::vector<std::int32_t>> tokenize_calib_set(const std::vector<CalibSample>& samples,
                                                          const Tokenizer& tokenizer,
                                                          const CalibOptions& options);

// True when no sample needs a tokenizer; then these are the ids, with the same limits.
bool holds_ids_only(const std::vector<CalibSample>& samples);
std::vector<std::vector<std::int32_t>> ids_of_calib_set(const std::vector<CalibSample>& samples,
                                                        const CalibOptions& options);

}  // namespace msmodelslim

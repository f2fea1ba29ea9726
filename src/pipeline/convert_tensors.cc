#include "pipeline/convert_tensors.h"

#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include "base/error.h"
#include "base/glob.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

using Tensors = std::vector<ConvertTensor>;

constexpr const char* kRemedy =
    "compare spec.preprocess with the names that msmodelslim inspect shows";

ConvertTensor whole_tensor(const CheckpointReader& checkpoint, const std::string& name) {
  const WeightSource source = checkpoint.source(name);
  ConvertTensor tensor;
  tensor.name = name;
  tensor.shape = source.shape();
  tensor.dtype = source.dtype();
  const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  const std::int64_t rows = columns > 0 ? source.count() / columns : 0;
  tensor.bands = {{{name, 0, rows, 0, columns}}};
  return tensor;
}

[[noreturn]] void fail(const PreprocessRule& rule, const std::string& what) {
  throw DataError(fmt::format("{}: {}", rule.path, what), kRemedy);
}

// \1 .. \9 and \g<1> .. \g<9> of a match, as Python's Match.expand().
std::string expand(const std::smatch& match, const std::string& form, const PreprocessRule& rule) {
  std::string text;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '\\') {
      text += form[i];
      continue;
    }
    const std::string rest = form.substr(i + 1);
    const bool named = rest.starts_with("g<") && rest.size() > 3 && rest[3] == '>';
    const char digit = rest.empty() ? '\0' : named ? rest[2] : rest[0];
    if (digit < '0' || digit > '9' || static_cast<std::size_t>(digit - '0') >= match.size())
      fail(rule, fmt::format("'{}' may have \\1 to \\{} only", form, match.size() - 1));
    text += match[static_cast<std::size_t>(digit - '0')].str();
    i += named ? 4 : 1;
  }
  return text;
}

// Nothing: the rule is not for this name.
std::optional<std::string> rename(const PreprocessRule& rule, const std::string& name) {
  std::smatch match;
  if (!std::regex_match(name, match, std::regex(rule.source[0]))) return std::nullopt;
  return expand(match, rule.target[0], rule);
}

// Number of tensors that the rule changed.
std::size_t rename_all(const PreprocessRule& rule, Tensors* tensors) {
  std::size_t count = 0;
  for (ConvertTensor& tensor : *tensors)
    if (auto name = rename(rule, tensor.name)) {
      tensor.name = std::move(*name);
      ++count;
    }
  return count;
}

Tensors chunks_of(const PreprocessRule& rule, const ConvertTensor& fused) {
  const auto pieces = static_cast<std::int64_t>(rule.projections.size());
  const bool by_rows = rule.dim == 1;
  if (fused.shape.size() != 3 || !fused.is_origin)
    fail(rule, fmt::format("{} is {}, chunk needs [experts, rows, columns]", fused.name,
                           shape_text(fused.shape)));
  const std::int64_t rows = fused.shape[1];
  const std::int64_t columns = fused.shape[2];
  if ((by_rows ? rows : columns) % pieces != 0)
    fail(rule, fmt::format("{} is {}, which has no {} equal parts along dimension {}", fused.name,
                           shape_text(fused.shape), pieces, rule.dim));
  const Shape shape = {by_rows ? rows / pieces : rows, by_rows ? columns : columns / pieces};
  const std::string prefix = fused.name.substr(0, fused.name.rfind('.'));
  Tensors made;
  for (std::int64_t e = 0; e < fused.shape[0]; ++e)
    for (std::int64_t p = 0; p < pieces; ++p) {
      const auto at = static_cast<std::size_t>(p);
      ConvertTensor tensor;
      tensor.name = fmt::format("{}.{}.{}.weight", prefix, e, rule.projections[at]);
      if (!rule.target.empty() && !Glob(rule.target[at]).matches(tensor.name))
        fail(rule, fmt::format("makes {}, which is not {}", tensor.name, rule.target[at]));
      tensor.shape = shape;
      tensor.dtype = fused.dtype;
      tensor.is_origin = false;
      tensor.bands = {{{fused.origin(), e * rows + (by_rows ? p * shape[0] : 0), shape[0],
                        by_rows ? 0 : p * shape[1], shape[1]}}};
      made.push_back(std::move(tensor));
    }
  return made;
}

std::size_t chunk_all(const PreprocessRule& rule, Tensors* tensors) {
  const Glob pattern(rule.source[0]);
  std::size_t count = 0;
  Tensors result;
  for (ConvertTensor& tensor : *tensors) {
    if (!pattern.matches(tensor.name)) {
      result.push_back(std::move(tensor));
      continue;
    }
    ++count;
    for (ConvertTensor& made : chunks_of(rule, tensor)) result.push_back(std::move(made));
  }
  *tensors = std::move(result);
  return count;
}

// What the *s of a pattern stand for; the last one is a whole number where `number`.
std::optional<std::vector<std::string>> captures(const std::string& pattern, bool number,
                                                 const std::string& name) {
  std::string expression;
  const std::size_t last = pattern.rfind('*');
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*')
      expression += number && i == last ? "([0-9]{1,6})" : "(.*)";
    else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_')
      expression += c;
    else
      (expression += '\\') += c;
  }
  std::smatch match;
  if (!std::regex_match(name, match, std::regex(expression))) return std::nullopt;
  std::vector<std::string> texts;
  for (std::size_t i = 1; i < match.size(); ++i) texts.push_back(match[i].str());
  return texts;
}

std::string filled(const std::string& pattern, const std::vector<std::string>& texts) {
  std::string name;
  std::size_t next = 0;
  for (const char c : pattern) {
    if (c == '*' && next < texts.size())
      name += texts[next++];
    else
      name += c;
  }
  return name;
}

// The matrices of one merged tensor: [expert][source].
struct Merge {
  std::size_t place = 0;  // of the first of them
  std::map<std::int64_t, std::vector<ConvertTensor>> experts;
};

ConvertTensor merged(const PreprocessRule& rule, const std::string& name, const Merge& merge,
                     bool stacks) {
  ConvertTensor tensor;
  tensor.name = name;
  tensor.is_origin = false;
  std::int64_t next = 0;
  Shape one;
  for (const auto& [expert, matrices] : merge.experts) {
    if (stacks && expert != next++)
      fail(rule, fmt::format("{}: expert {} is missing", name, next - 1));
    Shape shape;
    for (const ConvertTensor& matrix : matrices) {
      if (matrix.name.empty() || matrix.shape.size() != 2)
        fail(rule, fmt::format("{}: a matrix is missing", name));
      if (shape.empty()) {
        shape = matrix.shape;
        tensor.dtype = matrix.dtype;
        tensor.bands.insert(tensor.bands.end(), matrix.bands.begin(), matrix.bands.end());
        continue;
      }
      const std::size_t other = rule.dim == 0 ? 1 : 0;
      if (matrix.shape[other] != shape[other] || matrix.dtype != tensor.dtype ||
          (rule.dim == 1 && matrix.bands.size() != 1))
        fail(rule, fmt::format("{}: {} {} does not fit {}", name, matrix.name,
                               shape_text(matrix.shape), shape_text(shape)));
      shape[1 - other] += matrix.shape[1 - other];
      if (rule.dim == 0)
        tensor.bands.insert(tensor.bands.end(), matrix.bands.begin(), matrix.bands.end());
      else
        tensor.bands.back().insert(tensor.bands.back().end(), matrix.bands[0].begin(),
                                   matrix.bands[0].end());
    }
    if (!one.empty() && shape != one)
      fail(rule, fmt::format("{}: the experts have different shapes", name));
    one = shape;
  }
  if (stacks) one.insert(one.begin(), static_cast<std::int64_t>(merge.experts.size()));
  tensor.shape = one;
  return tensor;
}

std::size_t merge_all(const PreprocessRule& rule, Tensors* tensors) {
  const std::string& target = rule.target[0];
  const auto stars = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '*');
  };
  const bool stacks = stars(rule.source[0]) > stars(target);
  std::map<std::string, Merge> merges;
  Tensors rest;
  for (ConvertTensor& tensor : *tensors) {
    bool taken = false;
    for (std::size_t s = 0; s < rule.source.size() && !taken; ++s) {
      auto texts = captures(rule.source[s], stacks, tensor.name);
      if (!texts) continue;
      const std::int64_t expert = stacks ? std::stoll(texts->back()) : 0;
      if (stacks) texts->pop_back();
      Merge& merge =
          merges.try_emplace(filled(target, *texts), Merge{rest.size(), {}}).first->second;
      std::vector<ConvertTensor>& matrices = merge.experts[expert];
      matrices.resize(rule.source.size());
      matrices[s] = std::move(tensor);
      taken = true;
    }
    if (!taken) rest.push_back(std::move(tensor));
  }
  std::multimap<std::size_t, ConvertTensor> made;
  for (const auto& [name, merge] : merges)
    made.emplace(merge.place, merged(rule, name, merge, stacks));
  Tensors result;
  auto next = made.begin();
  for (std::size_t i = 0; i <= rest.size(); ++i) {
    for (; next != made.end() && next->first == i; ++next)
      result.push_back(std::move(next->second));
    if (i < rest.size()) result.push_back(std::move(rest[i]));
  }
  *tensors = std::move(result);
  return merges.size();
}

void check_names(const Tensors& tensors) {
  std::map<std::string, std::string> origins;
  for (const ConvertTensor& tensor : tensors) {
    const auto [it, fresh] = origins.emplace(tensor.name, tensor.origin());
    if (!fresh)
      throw DataError(fmt::format("spec.preprocess makes {} of both {} and {}", tensor.name,
                                  it->second, tensor.origin()),
                      kRemedy);
  }
}

}  // namespace

std::vector<ConvertTensor> convert_tensors(const CheckpointReader& checkpoint,
                                           const std::vector<PreprocessRule>& rules) {
  Tensors tensors;
  for (const std::string& name : checkpoint.names())
    tensors.push_back(whole_tensor(checkpoint, name));
  for (const PreprocessRule& rule : rules) {
    std::size_t changed = 0;
    switch (rule.kind) {
      case PreprocessRule::Kind::kRename:
        changed = rename_all(rule, &tensors);
        break;
      case PreprocessRule::Kind::kChunk:
        changed = chunk_all(rule, &tensors);
        break;
      case PreprocessRule::Kind::kMerge:
        changed = merge_all(rule, &tensors);
        break;
    }
    if (changed == 0)
      throw UsageError(
          fmt::format("{}: no tensor of the model matches {}", rule.path, rule.source[0]), kRemedy);
  }
  check_names(tensors);
  return tensors;
}

void read_values(const CheckpointReader& checkpoint, const ConvertTensor& tensor, float* out) {
  const std::int64_t width = tensor.shape.empty() ? 1 : tensor.shape.back();
  std::int64_t first = 0;
  for (const std::vector<TensorPart>& band : tensor.bands) {
    std::int64_t column = 0;
    for (const TensorPart& part : band) {
      const WeightSource source = checkpoint.source(part.origin);
      const std::int64_t whole = source.shape().empty() ? 1 : source.shape().back();
      constexpr std::int64_t kRows = 16;
      parallel_ranges(part.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> row(static_cast<std::size_t>(whole));
        for (std::int64_t r = begin; r < end; ++r) {
          source.read_rows(part.row + r, part.row + r + 1, row.data());
          std::copy_n(row.data() + part.column, part.columns, out + (first + r) * width + column);
        }
      });
      column += part.columns;
    }
    first += band.front().rows;
  }
}

TensorView read_whole(const CheckpointReader& checkpoint, const ConvertTensor& tensor,
                      Tensor& owned) {
  if (tensor.is_origin) return checkpoint.source(tensor.origin()).whole(owned);
  const std::int64_t count = element_count(tensor.shape);
  std::vector<float> values(static_cast<std::size_t>(count));
  read_values(checkpoint, tensor, values.data());
  owned = from_f32(values.data(), tensor.shape, tensor.dtype);
  return owned.view();
}

}  // namespace msmodelslim

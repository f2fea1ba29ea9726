// apiversion modelslim_convert: linears, preprocess, save, parallel.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "base/ascii.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestName = 4096;
constexpr std::int64_t kMost = 1 << 20;

// Forms that can be read, written, or only have a name.
const std::vector<std::string> kForms = {kFloatForm,       "FP8_BLOCK",  "W8A8_MXFP8",
                                         "W4A4_MXFP4",     "W4A8_MXFP8", "INT4_PACKED",
                                         "NVFP4_MODELOPT", "HIFP4"};
const std::vector<std::string> kSources = {"FP8_BLOCK", "INT4_PACKED", "NVFP4_MODELOPT"};
const std::vector<std::string> kTargets = {kFloatForm, "W8A8_MXFP8", "W4A8_MXFP8", "W4A4_MXFP4"};

bool holds(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Whether one step leads from a form to another.
bool is_edge(const std::string& from, const std::string& to) {
  return from == kFloatForm ? to != kFloatForm && holds(kTargets, to)
                            : holds(kSources, from) && to == kFloatForm;
}

void check_form(Fields* fields, const char* key, const std::string& name) {
  if (!holds(kForms, name))
    fields->problem(key, fmt::format("'{}' is unknown; known forms: {}{}", name, join_words(kForms),
                                     did_you_mean(name, kForms)));
}

void read_route(Fields* fields, ConvertRule* rule) {
  const YamlValue* value = fields->get("route");
  if (value == nullptr || (value->is(Kind::kString) && value->text == "auto")) return;
  if (!value->is(Kind::kList)) {
    fields->problem("route", "must be auto or a list of forms");
    return;
  }
  rule->route = fields->texts("route", kLongestName, false).value_or(std::vector<std::string>{});
  for (const std::string& form : rule->route) check_form(fields, "route", form);
  if (!rule->route.empty() && rule->route.back() != rule->target)
    fields->problem("route",
                    fmt::format("ends in {}, the target is {}", rule->route.back(), rule->target));
  for (std::size_t i = 1; i < rule->route.size(); ++i)
    if (!is_edge(rule->route[i - 1], rule->route[i]))
      fields->problem("route", fmt::format("there is no conversion from {} to {}",
                                           rule->route[i - 1], rule->route[i]));
}

void read_rule(const YamlValue& item, const std::string& path, ReadContext context,
               ConvertPlan* plan) {
  Fields fields(item, path, context.problems);
  if (!fields.is_map()) return;
  ConvertRule rule;
  rule.path = path;
  rule.match = fields.texts("match", kLongestName, false).value_or(std::vector<std::string>{});
  if (rule.match.empty()) fields.problem("match", "lists no pattern");
  fields.require("target");
  rule.target = fields.text("target", kFloatForm, kLongestName);
  check_form(&fields, "target", rule.target);
  if (holds(kForms, rule.target) && !holds(kTargets, rule.target))
    fields.problem("target", fmt::format("{} cannot be written; targets: {}", rule.target,
                                         join_words(kTargets)));
  read_route(&fields, &rule);
  fields.finish();
  plan->rules.push_back(std::move(rule));
}

void check_expression(Fields* fields, const char* key, const std::string& text) {
  try {
    const std::regex expression(text);
  } catch (const std::regex_error&) {
    fields->problem(key, fmt::format("'{}' is no regular expression of this program", text));
  }
}

void read_renames(Fields* fields, const PreprocessRule& rule, ReadContext context,
                  ConvertPlan* plan) {
  const YamlValue* patterns = fields->list("patterns");
  if (patterns == nullptr) return;
  for (std::size_t i = 0; i < patterns->items.size(); ++i) {
    Fields pair(patterns->items[i], fmt::format("{}.{}", fields->path_of("patterns"), i),
                context.problems);
    if (!pair.is_map()) continue;
    PreprocessRule one = rule;
    for (const char* key : {"from", "to"}) pair.require(key);
    one.source = {pair.text("from", "", kLongestName)};
    one.target = {pair.text("to", "", kLongestName)};
    check_expression(&pair, "from", one.source[0]);
    pair.finish();
    plan->preprocess.push_back(std::move(one));
  }
}

std::int64_t stars(const std::string& pattern) {
  return std::count(pattern.begin(), pattern.end(), '*');
}

void read_chunk(Fields* op, const Fields& rule_fields, PreprocessRule* rule) {
  rule->kind = PreprocessRule::Kind::kChunk;
  // 0 counts the dimensions of one expert's matrix, as some recipes do.
  rule->dim = std::max(1, static_cast<int>(op->integer("dim", 1, 0, 2)));
  rule->projections = op->texts("projections", kLongestName, true)
                          .value_or(std::vector<std::string>{"gate_proj", "up_proj"});
  if (rule->projections.empty()) op->problem("projections", "lists no name");
  if (!rule->target.empty() && rule->target.size() != rule->projections.size())
    op->problem("projections", fmt::format("lists {} names, {}.target {}", rule->projections.size(),
                                           rule_fields.path(), rule->target.size()));
}

void read_merge(Fields* op, const Fields& rule_fields, PreprocessRule* rule) {
  rule->kind = PreprocessRule::Kind::kMerge;
  rule->dim = static_cast<int>(op->integer("dim", 0, 0, 1));
  const std::string& where = rule_fields.path();
  if (rule->target.size() != 1) {
    op->problem("type", fmt::format("merge needs one entry in {}.target", where));
    return;
  }
  for (const std::string& source : rule->source) {
    const std::int64_t more = stars(source) - stars(rule->target[0]);
    if (source.find_first_of("?[") != std::string::npos || more < 0 || more > 1)
      op->problem("type", fmt::format("merge needs sources with as many * as {}.target, or one "
                                      "more for the expert; '{}' has not",
                                      where, source));
  }
}

void read_ops(Fields* fields, const PreprocessRule& rule, ReadContext context, ConvertPlan* plan) {
  const YamlValue* ops = fields->list("ops");
  if (ops == nullptr) return;
  if (ops->items.size() != 1)
    fields->problem("ops", "must have one entry; write one preprocess entry for each");
  for (std::size_t i = 0; i < ops->items.size(); ++i) {
    Fields op(ops->items[i], fmt::format("{}.{}", fields->path_of("ops"), i), context.problems);
    if (!op.is_map()) continue;
    PreprocessRule one = rule;
    const std::string type = op.text("type", "", kLongestName);
    if (type == "chunk")
      read_chunk(&op, *fields, &one);
    else if (type == "merge")
      read_merge(&op, *fields, &one);
    else
      op.problem("type", fmt::format("'{}' is unknown; known are chunk and merge", type));
    op.finish();
    plan->preprocess.push_back(std::move(one));
  }
}

void read_preprocess(const YamlValue& item, const std::string& path, ReadContext context,
                     ConvertPlan* plan) {
  Fields fields(item, path, context.problems);
  if (!fields.is_map()) return;
  PreprocessRule rule;
  rule.path = path;
  const std::string type = fields.text("type", "", kLongestName);
  if (type == "rename") {
    fields.require("patterns");
    read_renames(&fields, rule, context, plan);
  } else if (type == "convert") {
    const std::vector<std::string> none;
    rule.source = fields.texts("source", kLongestName, false).value_or(none);
    rule.target = fields.texts("target", kLongestName, true).value_or(none);
    if (rule.source.empty()) fields.problem("source", "lists no pattern");
    fields.require("ops");
    read_ops(&fields, rule, context, plan);
  } else {
    fields.problem("type", fmt::format("'{}' is unknown; known are rename and convert", type));
  }
  fields.finish();
}

void read_format(Fields* fields, const char* key, const std::string& name, ConvertPlan* plan) {
  static const std::vector<std::string> kAscend = {"ascend_v1", "ascendv1", "ascendv1_saver"};
  static const std::vector<std::string> kHub = {"huggingface", "hf", "compressed_tensors"};
  plan->ascendv1 = holds(kAscend, ascii_lower(name));
  if (!plan->ascendv1 && !holds(kHub, ascii_lower(name)))
    fields->problem(key, fmt::format("'{}' is unknown; known values: {}, {}", name,
                                     join_words(kAscend), join_words(kHub)));
}

void read_save(Fields* spec, ReadContext context, ConvertPlan* plan) {
  const YamlValue* list = spec->list("save");
  if (list != nullptr && list->items.size() > 1)
    spec->problem("save", "lists several savers, but a folder holds one format");
  if (list != nullptr && !list->items.empty()) {
    Fields fields(list->items[0], spec->path_of("save") + ".0", context.problems);
    read_format(&fields, "type", fields.text("type", "ascend_v1", kLongestName), plan);
    plan->part_file_size = static_cast<int>(fields.integer("part_file_size", 4, 0, kMost));
    fields.finish();
  }
  const YamlValue* defaults = spec->get("defaults");
  if (defaults == nullptr || defaults->is(Kind::kNull)) return;
  Fields fields(*defaults, spec->path_of("defaults"), context.problems);
  const std::string format = fields.text("dst_format", "ascendv1", kLongestName);
  for (const char* unused : {"src_format", "dst_ir"}) fields.allow(unused);
  if (list == nullptr || list->items.empty()) read_format(&fields, "dst_format", format, plan);
  fields.finish();
}

void read_parallel(Fields* spec, ReadContext context) {
  const YamlValue* value = spec->get("parallel");
  if (value == nullptr || value->is(Kind::kNull)) return;
  Fields fields(*value, spec->path_of("parallel"), context.problems);
  fields.integer("workers", 1, 1, kMost);
  const YamlValue* group = fields.get("max_group_size");
  if (group != nullptr && !group->is(Kind::kNull)) fields.integer("max_group_size", 1, 1, kMost);
  fields.text("worker_device", "cpu", kLongestName);
  fields.integer("npu_max_workers", 1, 1, kMost);
  fields.finish();
  context.warnings->emplace_back(
      "spec.parallel has no effect: all threads work on one tensor after the other (--threads)");
}

}  // namespace

void read_convert_spec(const YamlValue& spec, ReadContext context, Plan* plan) {
  Fields fields(spec, "spec", context.problems);
  if (!fields.is_map()) return;
  ConvertPlan convert;
  if (const YamlValue* rules = fields.list("linears"))
    for (std::size_t i = 0; i < rules->items.size(); ++i)
      read_rule(rules->items[i], fmt::format("spec.linears.{}", i), context, &convert);
  if (convert.rules.empty()) fields.problem("linears", "converts nothing; add an entry");
  if (const YamlValue* steps = fields.list("preprocess"))
    for (std::size_t i = 0; i < steps->items.size(); ++i)
      read_preprocess(steps->items[i], fmt::format("spec.preprocess.{}", i), context, &convert);
  read_save(&fields, context, &convert);
  read_parallel(&fields, context);
  for (const ConvertRule& rule : convert.rules)
    if (!convert.ascendv1 && rule.target != kFloatForm && holds(kTargets, rule.target))
      fields.problem("save", fmt::format("{} needs type: ascend_v1", rule.target));
  fields.finish();
  plan->convert = std::move(convert);
}

}  // namespace msmodelslim
